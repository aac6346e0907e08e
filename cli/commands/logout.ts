import { withoutUser } from '#shared/domain/outside-url.ts'
import { askProvider, discover, ProviderAway } from '#shared/oidc/provider.ts'
import { asCalled } from '../called.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { note } from '../output.ts'
import { loadProfile, profileName, setToken } from '../profile.ts'
import { alone } from '../sign-in/alone.ts'
import { forgetSession, sessionAt, type Session } from '../sign-in/sessions.ts'

export default command({
  args: {},
  async run(_, ctx) {
    const { apiRoot, token } = loadProfile(ctx)
    const session = await alone(ctx, () => endSession(apiRoot, ctx))
    if (token !== undefined) {
      setToken(undefined, ctx)
      const end = asCalled('knit admin token revoke NAME', ctx)
      note(ctx, `the token is forgotten here; to end it: ${end}`)
    }
    if (session || token !== undefined) note(ctx, `signed out of ${withoutUser(apiRoot)}`)
    else note(ctx, `nobody was signed in to ${withoutUser(apiRoot)}`)
  },
})

/** Ends the session there is; the newest, should another `knit` have renewed it just now. */
async function endSession(apiRoot: string, ctx: Context): Promise<Session | undefined> {
  const session = sessionAt(apiRoot, ctx)
  if (session) await revoke(session, ctx)
  forgetSession(profileName(ctx), ctx)
  return session
}

/** Forgotten it is in any case. */
async function revoke({ client, token, refreshToken }: Session, ctx: Context): Promise<void> {
  try {
    const { revocation_endpoint: url } = await discover(client.issuer, ctx.signal)
    if (url === undefined) return
    const form = { client_id: client.clientId, token: refreshToken ?? token }
    await askProvider(url, { form, signal: ctx.signal })
  } catch (error) {
    if (!(error instanceof ProviderAway)) throw error
    note(ctx, `the sign-in is not revoked at ${client.issuer}: ${error.message}`)
  }
}
