import { isDeepStrictEqual } from 'node:util'
import { discover } from '#shared/oidc/provider.ts'
import type { Context } from '../context.ts'
import { alone } from './alone.ts'
import { keepSession, margin, secondsLeft, sessionAt, type Session } from './sessions.ts'
import { askForTokens } from './tokens.ts'

/** The session that follows one: that of another `knit` which was faster, else a new one; undefined when somebody has signed out. */
export function sessionAfter(old: Session, ctx: Context): Promise<Session | undefined> {
  return alone(ctx, async () => {
    const kept = sessionAt(old.apiRoot, ctx)
    if (!kept) return undefined
    // Not by its token: one that is made in the same second may be the same.
    return !isDeepStrictEqual(kept, old) && secondsLeft(kept) > margin ? kept : renew(kept, ctx)
  })
}

/** Makes a new session of what one may be renewed by, and keeps it; undefined when it may not be. */
async function renew(old: Session, ctx: Context): Promise<Session | undefined> {
  const { client, refreshToken } = old
  if (refreshToken === undefined) return undefined
  const { token_endpoint } = await discover(client.issuer, ctx.signal)
  if (token_endpoint === undefined) return undefined
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken }
  const tokens = await askForTokens(token_endpoint, client, form, ctx.signal)
  if (!('token' in tokens)) return undefined
  const session = { ...old, ...tokens, refreshToken: tokens.refreshToken ?? refreshToken }
  keepSession(session, ctx)
  return session
}
