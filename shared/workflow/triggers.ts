import type { EventName } from '#shared/contracts/events.ts'

/** THE table of who answers what: step -> events that wake it. */
export const triggers = {
  'match-data': ['data.ready', 'data.tagged', 'plan.registered'],
  'project-runs': ['data.nominated'],
  'initialize-run': ['run.waiting', 'run.done', 'run.failed'],
  'start-run': ['run.ready'],
  'observe-worker': ['run.starting', 'worker.changed'],
  'finish-run': ['run.completing', 'run.aborting', 'worker.changed'],
  'call-hooks': ['hook.recorded'],
  'collect-garbage': ['volume.dropped'],
} as const satisfies Record<string, readonly EventName[]>

/** A step that events wake. */
export type EventStep = keyof typeof triggers
/** The events that wake a step. */
export type EventsOf<S extends EventStep> = (typeof triggers)[S][number]

/** Steps woken by the clock alone. */
export const clockSteps = ['sweep', 'clean-up'] as const
/** The step that keeps what the broker has given up. */
export const deadLetterStep = 'keep-dead-letters'
export type Step = EventStep | (typeof clockSteps)[number] | typeof deadLetterStep

/** The steps an event wakes. */
export function stepsFor(name: EventName): EventStep[] {
  const steps = Object.entries(triggers) as [EventStep, readonly EventName[]][]
  return steps.filter(([, names]) => names.includes(name)).map(([step]) => step)
}
