import { ApiError } from './api-error.ts'

/** What somebody signs in with: a secret, or one that is good for a while and followed by another. */
export type Credential =
  | string
  | {
      /** The one that is good now. */
      secret(): Promise<string>
      /** One instead of that, which the server did not take; undefined when there is none. */
      another(): Promise<string | undefined>
    }

export const secretOf = async (given: Credential | undefined): Promise<string | undefined> =>
  typeof given === 'object' ? given.secret() : given

/** Asks with a secret; once more, with another one, when the server does not take that and there is another. */
export async function signedIn<T>(
  given: Credential | undefined,
  ask: (secret: string | undefined) => Promise<T>,
): Promise<T> {
  try {
    return await ask(await secretOf(given))
  } catch (error) {
    const isRefused = error instanceof ApiError && error.status === 401
    const other = isRefused && typeof given === 'object' ? await given.another() : undefined
    if (other === undefined) throw error
    return ask(other)
  }
}
