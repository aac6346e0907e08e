import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type * as z from 'zod'
import { pack } from '#shared/archive/pack.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { MilestoneName, RunHistory } from '#shared/domain/run-history.ts'
import type { PlanSpec } from '#shared/domain/plan.ts'
import { resourceLimits } from '#shared/domain/quantity.ts'
import type { WorkerSpec } from '#shared/domain/worker.ts'
import { workerThat } from '#tests/support/worker-spec.ts'
import { waitingFor, type Bench } from './harness.ts'
import { untilCounted } from './home.ts'
import type { Installation } from './installation.ts'

// Little enough for many at a time, and enough not to be held up while a container starts.
const resources = { cpu: '250m', memory: '64Mi' }

/** What tells plans apart whose programs do nothing. */
export type Nothing = Pick<
  z.input<typeof PlanSpec>,
  'args' | 'inputs' | 'outputs' | 'log' | 'on_node'
>

/** Registers a plan whose program does nothing, and gives back its id. */
export async function applyNothing({ api, images }: Installation, spec: Nothing): Promise<string> {
  const body = { image: images.tools, entrypoint: ['true'], resources, ...spec }
  return (await api.call(plans.apply, { body })).planId
}

/** The Job of such a plan, for whoever makes it without us. */
export const workerOfNothing = (
  { images }: Installation,
  spec: Pick<WorkerSpec, 'name' | 'inputs' | 'outputs'> & Partial<WorkerSpec>,
): WorkerSpec =>
  workerThat({
    image: images.tools,
    entrypoint: ['true'],
    limits: resourceLimits(resources),
    ...spec,
  })

/** Plans in a row, each of which has an output for the next, and keeps its log, as most do. */
export async function chainOfNothing(
  there: Installation,
  name: string,
  steps: number,
): Promise<string[]> {
  const planIds: string[] = []
  for (let step = 0; step < steps; step += 1)
    planIds.push(
      await applyNothing(there, {
        inputs: [{ path: '/in', tags: [`${name}:${step}`] }],
        outputs: [{ path: '/out', tags: [`${name}:${step + 1}`] }],
        log: {},
      }),
    )
  return planIds
}

/** A way to push a folder with one small file. */
export async function pusher(
  bench: Bench,
  { api }: Installation,
): Promise<(tag: string) => Promise<DataDetail>> {
  const folder = join(await bench.folder('pushed'), 'small')
  mkdirSync(folder)
  writeFileSync(join(folder, 'text'), 'a line of text\n')
  return (tag) => api.push(pack(folder), { tags: [tag] })
}

/** Waits until so many Runs of each plan are done, and gives back the histories of the last of each, in the order of the plans. */
export async function lastHistories(
  there: Installation,
  planIds: readonly string[],
  count: number,
): Promise<RunHistory[]> {
  const { api, sql } = there
  for (const planId of planIds) await untilCounted(sql, planId, count)
  return Promise.all(
    planIds.map(async (planId) => {
      const [last] = await sql<{ id: string }[]>`
        select id from run where plan_id = ${planId} order by created_at desc limit 1`
      return api.call(runs.history, { runId: last?.id ?? '' })
    }),
  )
}

/** When something happened on the way of a Run, in milliseconds by the clock of the database. */
export function timeOf({ runId, milestones }: RunHistory, name: MilestoneName): number {
  const found = milestones.find((milestone) => milestone.name === name)
  if (!found) throw new Error(`the Run ${runId} was never "${name}"`)
  return Date.parse(found.at)
}

/** Milliseconds from the commit of what a Run needed to its Job: the claims of its outputs are among them. */
export const untilJob = (history: RunHistory): number =>
  timeOf(history, 'worker-created') - timeOf(history, 'ready')

/** Waits until nothing is left to do: no event, and no Run that has not ended. */
export async function untilIdle({ sql }: Installation): Promise<void> {
  const pause = waitingFor('all events to be published and all Runs to end')
  for (;;) {
    const left = await sql<{ what: string }[]>`
      select 'the Run ' || id || ' is ' || status as what
        from run
       where status not in ('done', 'failed', 'invalidated')
       union all
      select 'an event ' || type from outbox
       limit 3`
    if (left.length === 0) return
    await pause(100, left.map(({ what }) => what).join(', '))
  }
}
