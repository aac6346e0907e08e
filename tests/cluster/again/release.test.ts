import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { kubernetes } from '../installation.ts'
import { asked } from '../asked.ts'
import { lookOften } from '../look-often.ts'
import {
  everything,
  ours,
  samePort,
  test,
  tokenOf,
  untilGone,
  untilReady,
  without,
} from '../lifecycle.ts'
import { run } from '../phase.ts'
import { lasting, uninstall } from '../uninstall.ts'
import { isRunning, outputOf } from '../work.ts'
import { commandsOf, deskIn } from './desk.ts'
import { beginAndInterrupt } from './interrupt.ts'

const { core } = kubernetes()

test('an upgrade that was interrupted lets no other begin until it is taken back by what the README says', async ({
  there,
  folder,
  api,
}) => {
  const { namespace } = there
  const before = await everything(api)
  const reusing = ['--reuse-values', '--namespace', namespace, '--wait', '--timeout', '5m']
  const upgrade = ['helm', 'upgrade', 'knitfab', 'charts/knitfab', ...samePort(there), ...reusing]
  await beginAndInterrupt(upgrade, namespace)
  const told = run(['bash', '-c', '"$0" "$@" 2>&1', ...upgrade])
  await expect(told).rejects.toThrow(/another operation .* is in progress/)

  const [, takeBack = ''] = commandsOf('Upgrade', namespace)
  const type = deskIn(folder, '{}')
  expect(await type(takeBack)).toMatch(/\bpending-upgrade\b.*\n.*\bdeployed\b.*$/)
  await run(upgrade)
  await untilReady(namespace)
  expect(await asked(() => everything(api))).toEqual(before)
})

test('when the release is uninstalled programs end as when they are stopped and all data stays; a new one in its place finds all of it, with the same token, and executes once more what did not come to its end', async ({
  there,
  folder,
  api,
  knit,
  work,
  helm,
}) => {
  const { namespace } = there
  await lookOften(namespace, 5)
  const runId = await work.start('echo kept > /out/text')
  const kept = await work.end(runId)
  const knitId = outputOf(kept)
  const going = await work.until(await work.start(lasting), isRunning)
  const allElse = async () => without(going.plan.planId, await everything(api))
  const before = await allElse()
  const lineage = await knit('data', 'lineage', '-n', 'all', knitId)
  const values = join(folder, 'values.json')
  writeFileSync(values, await helm('get', 'values', 'knitfab', '--output', 'json'))

  await uninstall(there, { kept, going })

  const again = ['--values', values, ...samePort(there), '--wait', '--timeout', '5m']
  await helm('install', 'knitfab', 'charts/knitfab', ...again)
  await untilReady(namespace)
  expect(await allElse()).toEqual(before)
  expect(await knit('data', 'lineage', '-n', 'all', knitId)).toBe(lineage)
  expect(await work.pull(knitId)).toEqual({ text: 'kept\n' })
  await knit('run', 'retry', runId)
  expect(await work.until(runId, ({ attempt }) => attempt === 2)).toBeDefined()
  expect(await work.end(runId)).toMatchObject({ status: 'done' })

  await work.until(going.runId, (run) => isRunning(run) && run.attempt === 2)
  await knit('run', 'stop', going.runId)
  const ended = await work.end(going.runId)
  expect(ended).toMatchObject({ status: 'done', attempts: [{ cause: 'machine' }, {}] })
  expect(await work.pull(outputOf(ended))).toEqual({ text: 'saved\n' })
})

test('a release of which nothing is left but claims of data is brought back by what the README says of backups', async ({
  there,
  folder,
  api,
  work,
  helm,
}) => {
  const { namespace } = there
  const knitId = outputOf(await work.end(await work.start('echo kept > /out/text')))
  const before = await everything(api)
  const values = JSON.parse(await helm('get', 'values', 'knitfab', '--output', 'json'))
  values.gateway.service.nodePort = Number(new URL(there.apiRoot).port)
  const type = deskIn(folder, JSON.stringify(values))
  const [backUp = '', restore = ''] = commandsOf('Backup', namespace)
  expect(await type(backUp)).toContain(volumeOf(knitId))

  await helm('uninstall', 'knitfab')
  await untilGone(namespace)
  await core.deleteNamespacedPersistentVolumeClaim({ namespace, name: 'data-postgres-0' })
  await core.deleteCollectionNamespacedSecret({ namespace, labelSelector: ours })
  await type(restore)
  await untilReady(namespace)
  expect(await asked(() => everything(api))).toEqual(before)
  expect(await work.pull(knitId)).toEqual({ text: 'kept\n' })
  const next = await work.end(await work.start('echo again > /out/text'))
  expect(await work.pull(outputOf(next))).toEqual({ text: 'again\n' })
})

test('token, signing key and password are replaced by what the README says, and the token of before opens nothing any more', async ({
  there,
  folder,
  api,
}) => {
  const { namespace, apiRoot } = there
  const before = await everything(api)
  const type = deskIn(folder, '{}')
  for (const commands of commandsOf('New tokens, keys and passwords', namespace))
    await type(commands)
  const token = await tokenOf(namespace)
  expect(await asked(() => everything(connectApi({ apiRoot, token })))).toEqual(before)
  await expect(everything(api)).rejects.toMatchObject({ status: 401 })
})
