import type { Route } from '#shared/contracts/route.ts'
import { ConnectionError, MaybeDone } from './api-error.ts'

type Ask<T> = (secret?: string) => Promise<T>

type Change<T> = {
  ask: Ask<T>
  /** Whether all of what the server needs to do it has been sent. */
  isSent?: () => boolean
  /** Whether the server takes a request with the same key for the same one. */
  knowsKeys: () => Promise<boolean>
  /** Asks as often as it is patient. */
  patiently: (ask: Ask<T>) => Promise<T>
}

/** Asks for a change, so that it is done once: again only where that is known for the same. Throws `MaybeDone`. */
export async function changing<T>(
  { name }: Route,
  { ask, isSent = () => true, knowsKeys, patiently }: Change<T>,
): Promise<T> {
  let broken: ConnectionError | undefined

  const attempt: Ask<T> = async (secret) => {
    if (broken && !(await knowsKeys()))
      throw new MaybeDone(name, `${broken.message}; it may have been done, and ${notAgain}`, broken)
    try {
      return await ask(secret)
    } catch (error) {
      if (error instanceof ConnectionError && isBehindRequest(error) && isSent()) broken = error
      throw error
    }
  }

  try {
    return await patiently(attempt)
  } catch (error) {
    if (!broken || !(error instanceof ConnectionError)) throw error
    throw new MaybeDone(name, `${error.message}; it may have been done`, error)
  }
}

const notAgain = 'is not asked for again, as this server would do it twice'

/** Lines break so when a request may have gone over them. */
const isBehindRequest = ({ code }: ConnectionError): boolean =>
  ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code)
