import type { Credential } from '#shared/client/credential.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { margin, secondsLeft, sessionAt, type Session } from './sessions.ts'

/** What is sent by who has signed in here; undefined when nobody has. */
export function sessionCredential(apiRoot: string, ctx: Context): Credential | undefined {
  const found = sessionAt(apiRoot, ctx)
  if (!found) return undefined
  let session: Session = found
  let renewing: Promise<string | undefined> | undefined
  const renewNow = async (): Promise<string | undefined> => {
    // Most commands need no other token than they have.
    const { sessionAfter } = await import('./session-after.ts')
    const next = await sessionAfter(session, ctx)
    if (next) session = next
    return next?.token
  }
  // Of several requests at a time, one renews it for all.
  const another = () => (renewing ??= renewNow().finally(() => (renewing = undefined)))
  return {
    another,
    async secret() {
      const left = secondsLeft(session)
      if (left > margin) return session.token
      const next = await another().catch((error: unknown) => {
        // Nobody has to know of a provider that is away as long as the token is good.
        if (left <= 0 || (error as Error).name !== 'ProviderAway') throw error
        return undefined
      })
      const secret = next ?? (left > 0 ? session.token : undefined)
      if (secret === undefined) throw new Failure('your sign-in has ended', 'knit login')
      return secret
    },
  }
}
