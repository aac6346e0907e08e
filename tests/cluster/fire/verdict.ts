import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import type { Knit } from '../../demo/knit.ts'
import { asked } from '../asked.ts'
import type { Installed, kubernetes } from '../installation.ts'
import { outputOf } from '../work.ts'
import type { Load } from './load.ts'
import { jobsOf, linesIn, type Released } from './workers.ts'

type World = { there: Installed; cluster: ReturnType<typeof kubernetes>; knit: Knit }

/**
 * What holds of a load that is over, whatever has happened: each combination has its one run, each run is done or says why it is not,
 * nothing was executed or published twice, no worker is left, and everything that must always hold holds.
 */
export async function expectOnce(
  { there, cluster, knit }: World,
  load: Load,
  released: Released,
): Promise<RunDetail[]> {
  const all = await load.settled()
  const combinations = all.map(({ inputs }) => inputs.map(({ knitId }) => knitId).join())
  expect(new Set(combinations).size).toBe(load.size)
  expect(all).toHaveLength(load.size)
  const done = all.filter(({ status }) => status === 'done')
  expect(all.filter((run) => run.status !== 'done' && !run.reason)).toEqual([])

  expect((await load.written()).toSorted()).toEqual(done.map(outputOf).toSorted())
  const lines = await linesIn(
    cluster.core,
    there,
    done.map((run) => volumeOf(outputOf(run))),
  )
  const executions = done.map((run) => ({
    worker: workerOf({ id: run.runId, attempt: run.attempt ?? 1 }),
    by: lines.get(volumeOf(outputOf(run))) ?? [],
  }))
  expect(
    executions.filter(({ worker, by }) => by.length !== 1 || !by[0]?.startsWith(`${worker}-`)),
  ).toEqual([])
  expect([...released.byName].filter(([, uids]) => uids.size > 1)).toEqual([])

  const ids = all.map(({ runId }) => runId)
  await asked(async () => (await jobsOf(there, ids)).length === 0)
  await expectInOrder(knit)
  return all
}

// What has just ended may wait for a sweep, or for the second from then on.
const patience = 90_000

/** That everything which must always hold holds, in the words of the command. */
export async function expectInOrder(knit: Knit): Promise<void> {
  let said: unknown
  const check = () => knit('admin', 'check').catch((error: unknown) => void (said = error))
  await asked(async () => (await check()) !== undefined, { patience }).catch(() => {
    throw said
  })
}

/** How many attempts it took. */
export const attemptsOf = (all: readonly RunDetail[]): number =>
  all.reduce((sum, { attempt = 1 }) => sum + attempt, 0)

export const statusesOf = (all: readonly RunDetail[]): string[] => [
  ...new Set(all.map(({ status }) => status)),
]
