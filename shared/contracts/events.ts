import * as z from 'zod'
import { KnitId, PlanId, RunId } from '#shared/domain/ids.ts'
import { runStatuses, type RunStatus } from '#shared/domain/run-states.ts'

const OfRun = z.object({ runId: RunId, attempt: z.int().positive() })
const OfPlan = z.object({ planId: PlanId })

/**
 * Every event and its data: ids and the attempt, never a snapshot. Facts about many things are one event per plan.
 * An event is a hint: the receiver reads what is true now.
 */
export const events = {
  'data.ready': z.object({ runId: RunId }).describe('The outputs of a run can be used.'),
  'data.tagged': z.object({ knitId: KnitId }).describe('The tags of a data changed.'),
  'data.nominated': OfPlan.describe('Data were found that fit inputs of the plan.'),
  'plan.registered': OfPlan.describe('A plan was registered.'),
  'volume.dropped': z.object({}).describe('There are volumes nobody needs any more.'),
  'hook.recorded': z.object({}).describe('After-hooks are to be called.'),
  'worker.changed': z.object({ worker: z.string() }).describe('Something happened to a worker.'),
  'run.deactivated': OfPlan.describe('Runs of the plan are held.'),
  'run.waiting': OfPlan.describe('Runs of the plan wait to be admitted.'),
  'run.ready': OfRun.describe('The run has its volumes.'),
  'run.starting': OfRun.describe('The run has its worker.'),
  'run.running': OfRun.describe('The program of the run runs.'),
  'run.completing': OfRun.describe('The run succeeded; its worker is to be removed.'),
  'run.aborting': OfRun.describe('The run failed; its worker is to be removed.'),
  'run.done': OfRun.describe('The run is done.'),
  'run.failed': OfRun.describe('The run has failed.'),
  'run.invalidated': OfRun.describe('The run was deleted.'),
} as const satisfies Record<`run.${RunStatus}`, z.ZodObject> & Record<string, z.ZodObject>

export type EventName = keyof typeof events
export type EventData<E extends EventName> = z.infer<(typeof events)[E]>

/** What every name of an event begins with on the wire. */
export const eventPrefix = 'dev.knitfab.'
export const eventType = (name: EventName): string => `${eventPrefix}${name}`

/** The name of an event type; undefined when it is none of ours. */
export function eventName(type: string): EventName | undefined {
  const name = type.startsWith(eventPrefix) ? type.slice(eventPrefix.length) : ''
  return Object.hasOwn(events, name) ? (name as EventName) : undefined
}

/** Statuses whose facts are told per plan, because they happen to many runs at once. */
export const toldPerPlan: ReadonlySet<RunStatus> = new Set(
  runStatuses.filter((status) => 'planId' in events[`run.${status}`].shape),
)
