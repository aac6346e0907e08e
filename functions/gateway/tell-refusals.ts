import { Problem } from '#shared/contracts/problems.ts'
import { codeOf } from '#shared/files/error-code.ts'
import type { Log } from '#shared/ports/log.ts'
import { allowance } from './allowance.ts'
import { credentialOf } from './credential.ts'
import type { GatewayOptions } from './gateway.ts'

type SignIn = GatewayOptions['authenticate']

const mostLines = { times: 60, seconds: 60, keys: 1 }

/**
 * Says in the log why a credential does not sign in, and where it came from; never the credential, nor what it holds. Nobody fills
 * the disk by that: of very many, how many more there were is told.
 */
export function tellRefusals(signIn: SignIn, log: Pick<Log, 'warn'>, now?: () => number): SignIn {
  const lines = allowance(mostLines, now)
  let passedOver = 0
  const tell = (problem: Problem, address: string | undefined): void => {
    if (lines.take('') > 0) {
      passedOver += 1
      return
    }
    if (passedOver > 0) log.warn('more credentials were refused', { count: passedOver })
    passedOver = 0
    log.warn('a credential was refused', {
      reason: problem.message,
      // Of what has checked it: a word of its own, and nothing that was checked.
      code: codeOf(problem.cause),
      address,
    })
  }
  return async (request, address) => {
    try {
      return await signIn(request, address)
    } catch (error) {
      if (isRefusal(error) && credentialOf(request) !== undefined) tell(error, address)
      throw error
    }
  }
}

/** Who has to wait, and what cannot be checked, is no refusal. */
const isRefusal = (error: unknown): error is Problem =>
  error instanceof Problem && ['unauthorized', 'forbidden'].includes(error.code)
