import type { Credential } from '#shared/client/credential.ts'
import { discover } from '#shared/oidc/provider.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { keepSession, sessionAt, type Session } from './sessions.ts'
import { askForTokens } from './tokens.ts'

// So that a token is good still when it has got there.
const margin = 60

/** What is sent by who has signed in here; undefined when nobody has. */
export function sessionCredential(apiRoot: string, ctx: Context): Credential | undefined {
  const found = sessionAt(apiRoot, ctx)
  if (!found) return undefined
  let session: Session = found
  let renewing: Promise<string | undefined> | undefined
  const renewNow = async (): Promise<string | undefined> => {
    const renewed = await renew(session, ctx)
    if (renewed) session = renewed
    return renewed?.token
  }
  // Of several requests at a time, one renews it for all.
  const another = () => (renewing ??= renewNow().finally(() => (renewing = undefined)))
  return {
    another,
    async secret() {
      const left = session.expiresAt - Date.now() / 1000
      if (left > margin) return session.token
      const secret = (await another()) ?? (left > 0 ? session.token : undefined)
      if (secret === undefined) throw new Failure('your sign-in has ended', 'knit login')
      return secret
    },
  }
}

/** The session that follows one; undefined when there is none. */
async function renew(old: Session, ctx: Context): Promise<Session | undefined> {
  const { client, refreshToken } = old
  if (refreshToken === undefined) return undefined
  const { token_endpoint } = await discover(client.issuer, ctx.signal)
  if (token_endpoint === undefined) return undefined
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken }
  const tokens = await askForTokens(token_endpoint, client, form, ctx.signal)
  if ('token' in tokens) {
    const session = { ...old, ...tokens, refreshToken: tokens.refreshToken ?? refreshToken }
    keepSession(session, ctx)
    return session
  }
  // A refresh token may be good for once, and another `knit` have been faster.
  const now = sessionAt(old.apiRoot, ctx)
  return now && now.token !== old.token ? now : undefined
}
