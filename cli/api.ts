import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import type { Patience } from '#shared/client/retry.ts'
import type { Context } from './context.ts'
import { note } from './output.ts'
import { loadProfile } from './profile.ts'
import { shownBytes } from './progress.ts'
import { sessionCredential } from './sign-in/session-credential.ts'

type OnAway = Required<Patience>['onAway']

/** The API of the profile this command uses. */
export function api(ctx: Context, whenAway: OnAway = onAway(ctx)): KnitApi {
  const { apiRoot, cert, token } = loadProfile(ctx)
  const credential = sessionCredential(apiRoot, ctx) ?? token
  const told = { onAway: whenAway, onResumed: onResumed(ctx) }
  return connectApi({ apiRoot, ca: cert.ca, token: credential, ...told })
}

/** Tells who sits at a terminal that a server is waited for; and anybody that it is until it is back, behind which no seconds are told. */
export function onAway(ctx: Context): OnAway {
  let isEndless = false
  return ({ message }, seconds) => {
    const what = message.replace(/\.$/, '')
    if (seconds === Infinity) note(ctx, `${what}; waiting until it is back`)
    else if (ctx.stderr.isTTY && !isEndless)
      note(ctx, `${what}; trying for ${seconds} seconds more, it may be starting`)
    isEndless ||= seconds === Infinity
  }
}

/** Tells who sits at a terminal that not all begins anew. */
const onResumed =
  (ctx: Context) =>
  (bytes: number): void => {
    const how = bytes > 0 ? `goes on behind ${shownBytes(bytes)}` : 'has changed, and begins anew'
    if (ctx.stderr.isTTY) note(ctx, `the line is back: what is sent ${how}`)
  }
