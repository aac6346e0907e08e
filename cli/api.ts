import type { ConnectionError } from '#shared/client/api-error.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import type { Context } from './context.ts'
import { note } from './output.ts'
import { loadProfile } from './profile.ts'
import { shownBytes } from './progress.ts'
import { sessionCredential } from './sign-in/session-credential.ts'

/** The API of the profile this command uses. */
export function api(ctx: Context): KnitApi {
  const { apiRoot, cert, token } = loadProfile(ctx)
  const credential = sessionCredential(apiRoot, ctx) ?? token
  const told = { onAway: onAway(ctx), onResumed: onResumed(ctx) }
  return connectApi({ apiRoot, ca: cert.ca, token: credential, ...told })
}

/** Tells who sits at a terminal that a server is waited for. */
export const onAway =
  (ctx: Context) =>
  ({ message }: ConnectionError, seconds: number): void => {
    if (ctx.stderr.isTTY)
      note(ctx, `${message}; trying for ${seconds} seconds more, it may be starting`)
  }

/** Tells who sits at a terminal that not all begins anew. */
const onResumed =
  (ctx: Context) =>
  (bytes: number): void => {
    const how = bytes > 0 ? `goes on behind ${shownBytes(bytes)}` : 'has changed, and begins anew'
    if (ctx.stderr.isTTY) note(ctx, `the line is back: what is sent ${how}`)
  }
