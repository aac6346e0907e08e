import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { defineDeadLetterStep } from '#shared/runtime/define-step.ts'

/** Keeps what the broker has given up, where an operator finds it; what it was to wake is found by the sweep. */
export default defineDeadLetterStep('keep-dead-letters', async ({ steps, event, cause }, ctx) => {
  for (const step of steps) await keepDeadLetter(ctx.sql, step, event, cause)
})
