import { Problem, type ProblemCode } from '#shared/contracts/problems.ts'

/** Seconds between two looks at who listens to an answer that has no end. */
export const lookedAtEvery = 10

/** Who has to wait, and who cannot be looked up just now, has not been refused. */
const refusals: readonly ProblemCode[] = ['unauthorized', 'forbidden']

/** The answer, as far as it can be cut off. */
type Answer = { destroy(): unknown; once(event: 'close', then: () => void): unknown }

/**
 * Cuts a line off at whose end somebody listens who is not let in any more: their token was revoked, it has ended, or they have
 * another role. Who comes back is told why.
 */
export function lookAgain(letIn: () => Promise<unknown>, answer: Answer | undefined): void {
  if (!answer) return
  const look = async (): Promise<void> => {
    try {
      await letIn()
    } catch (error) {
      if (error instanceof Problem && refusals.includes(error.code)) answer.destroy()
    }
  }
  const watch = setInterval(() => void look(), lookedAtEvery * 1000)
  answer.once('close', () => clearInterval(watch))
}
