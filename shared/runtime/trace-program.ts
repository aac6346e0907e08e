import { programTrace } from '#shared/domain/worker-spec.ts'
import type { Claimed, Execution } from '#shared/database/runs.ts'
import type { Context } from './context.ts'

/**
 * Records the execution of a run's program, once it has ended: nobody of ours is there while it runs. Nothing of one that never began.
 */
export function traceProgram(
  { tracer }: Context,
  run: Claimed,
  execution: Execution | undefined,
  failure?: string,
): void {
  const { startedAt, endedAt, image, exitCode } = execution ?? {}
  const traceparent = programTrace(run)
  if (!traceparent || !startedAt || !endedAt) return
  const options = { as: traceparent, parent: run.traceparent ?? undefined, from: startedAt }
  const span = tracer.start('program', options)
  span.note({
    'knit.run.id': run.id,
    'knit.plan.id': run.planId,
    'knit.run.attempt': run.attempt,
    ...(image && { 'container.image.name': image }),
    ...(typeof exitCode === 'number' && { 'process.exit.code': exitCode }),
  })
  span.end(failure, endedAt)
}
