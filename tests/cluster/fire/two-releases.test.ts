import { expect } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import { runs } from '#shared/contracts/runs.ts'
import { installAnother } from '../another-release.ts'
import { knitIn } from '../installed.ts'
import { run } from '../phase.ts'
import { remove } from '../release.ts'
import { reads } from './asking.ts'
import { test } from './fire.ts'
import { startLoad } from './load.ts'
import { podsIn, postgres } from './pods.ts'
import { expectOnce, statusesOf } from './verdict.ts'
import { followReleased } from './workers.ts'

test('two releases in two namespaces of one cluster do their work side by side, and what befalls one is not noticed by the other', async ({
  fire,
  there,
  api,
  folder,
  cluster,
  signal,
  onTestFinished,
}) => {
  const namespace = `${there.namespace}-two`
  await run(['kubectl', 'create', 'namespace', namespace])
  onTestFinished(() => remove({}, namespace), 10 * 60_000)
  const other = await installAnother(there, namespace, { 'settings.lookInterval': '30' })
  const released = await followReleased(other)
  onTestFinished(() => released.stop())
  const theirs = connectApi(other)
  const one = await fire.load(25)
  const two = await startLoad({ api: theirs, there: other, folder }, 5, { seconds: 10 })
  const asker = fire.ask(reads)
  const pods = podsIn(namespace)
  const before = await pods.list(postgres)
  await fire.strike('PostgreSQL of another release killed', two, async () => {
    expect(await pods.kill(postgres)).toBe(1)
    await pods.replaced(postgres, before)
  })
  expect([...(await asker.stop()).keys()]).toEqual(['200'])

  expect(statusesOf(await fire.expectOnce(one))).toEqual(['done'])
  const knit = await knitIn(folder, other, signal)
  const all = await expectOnce({ there: other, cluster, knit }, two, released)
  expect(statusesOf(all)).toEqual(['done'])
  const plansOf = async (asked: typeof api) =>
    new Set((await asked.call(runs.find, {})).map(({ plan }) => plan.planId))
  expect((await plansOf(theirs)).has(one.planId)).toBe(false)
  expect((await plansOf(api)).has(two.planId)).toBe(false)
})
