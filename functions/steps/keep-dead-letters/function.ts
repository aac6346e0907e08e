import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { defineDeadLetterStep } from '#shared/runtime/define-step.ts'

/** Keeps what the broker has given up, where an operator finds it; what it was to wake is found by the sweep. */
export default defineDeadLetterStep('keep-dead-letters', async ({ steps, event, cause }, ctx) => {
  // Who tells of changes of workers signs nothing, so it may be anybody.
  if (event.name === 'worker.changed') {
    ctx.log.warn('a change of a worker was not served', { worker: event.data['worker'], steps })
    return
  }
  for (const step of steps) await keepDeadLetter(ctx.sql, step, event, cause)
})
