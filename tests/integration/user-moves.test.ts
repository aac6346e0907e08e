import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { test as base, expect } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { startHome, temporaryFolder } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder()
    await use(folder.path)
    await folder.remove()
  },
})

/** A plan that asks for `tag` and whose program, a line of shell, puts one data with the tag `put`. */
async function shellPlan(api: KnitApi, tag: string, line: string, put: string): Promise<string> {
  const { planId } = await api.call(plans.apply, {
    body: {
      image: 'knit.local/host:1',
      entrypoint: ['sh', '-c', line],
      inputs: [{ path: '/in', tags: [tag] }],
      outputs: [{ path: '/out', tags: [put] }],
      log: { tags: [] },
    },
  })
  return planId
}

const theRun = (api: KnitApi, plan: string, status: RunStatus): Promise<RunDetail> =>
  until(async () => (await api.call(runs.find, { plan })).find((run) => run.status === status))

/** Resolves when the program says in its log that it has begun. */
const begun = ({ runId }: RunDetail, api: KnitApi): Promise<unknown> =>
  until(async () => (await text(await api.log(runId))).includes('begun'))

test('a run is aborted, run again, torn off, and deleted once nobody reads what it wrote', async ({
  folder,
}) => {
  const home = await startHome(join(folder, 'home'))
  const api = connectApi({ apiRoot: home.apiRoot })
  const line = 'echo half > /out/text; echo begun; while :; do sleep 0.05; done'
  const first = await shellPlan(api, 'type:raw', line, 'type:half')
  const second = await shellPlan(api, 'type:half', 'cp /in/text /out/text', 'type:copy')
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'text'), 'raw')
  const { knitId } = await api.push(() => pack(source), { tags: ['type:raw'] })

  const running = await theRun(api, first, 'running')
  const { runId } = running
  await begun(running, api)
  expect(await api.call(runs.abort, { runId })).toMatchObject({ status: 'aborting' })
  const aborted = await theRun(api, first, 'failed')
  expect(aborted.exit).toEqual({ code: 253, message: 'aborted by user' })
  expect(await api.call(runs.find, { plan: second })).toEqual([])

  await api.call(runs.retry, { runId })
  const again = await theRun(api, first, 'running')
  expect(again.inputs[0]?.knitId).toBe(knitId)
  expect(again.outputs[0]?.knitId).not.toBe(aborted.outputs[0]?.knitId)
  await begun(again, api)
  expect(await api.call(runs.tearoff, { runId })).toMatchObject({ status: 'completing' })
  const done = await theRun(api, first, 'done')
  expect(done.exit).toEqual({ code: 0, message: 'stopped by user' })

  const reader = await theRun(api, second, 'done')
  await expect(api.call(runs.delete, { runId })).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining(reader.runId),
  })
  await api.call(runs.delete, { runId: reader.runId })
  await api.call(runs.delete, { runId })
  expect(await api.call(data.find, { tag: ['type:half'] })).toEqual([])
  await expect(api.pull(done.outputs[0]?.knitId ?? '').then(buffer)).rejects.toMatchObject({
    status: 404,
  })
  expect(await api.call(runs.show, { runId })).toMatchObject({ status: 'invalidated' })
  await expect(api.call(runs.show, { runId: reader.runId })).rejects.toMatchObject({ status: 404 })
  expect(await home.stop()).toBe(0)
})
