import { connectApi } from '#shared/client/connect.ts'
import { access } from '#shared/contracts/access.ts'
import { auth } from '#shared/contracts/auth.ts'
import { withoutUser } from '#shared/domain/outside-url.ts'
import { onAway } from '../api.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { note } from '../output.ts'
import { loadProfile, profileName, setToken, storeFile, type Profile } from '../profile.ts'
import { alone } from '../sign-in/alone.ts'
import { signInByDevice } from '../sign-in/device-flow.ts'
import { forgetSession, keepSession, sessionsFile } from '../sign-in/sessions.ts'
import { tokenArgs, tokenIn } from '../token-file.ts'

export default command({
  examples: ['knit login', 'knit login --token-file token.txt'],
  args: tokenArgs,
  async run(args, ctx) {
    const profile = loadProfile(ctx)
    const { token } = await tokenIn(args['token-file'], ctx)
    await (token === undefined ? atProvider(profile, ctx) : withToken(token, profile, ctx))
  },
})

async function atProvider(profile: Profile, ctx: Context): Promise<void> {
  const { apiRoot } = profile
  const { oidc: client } = await apiFor(profile, ctx).call(auth.show, {}, ctx)
  if (!client)
    throw new Failure(
      `${withoutUser(apiRoot)} has no provider to sign in at`,
      'ask an administrator for a token, then: knit login --token-file FILE',
    )
  const tokens = await signInByDevice(client, ctx)
  const who = await whoIs(tokens.token, profile, ctx)
  await alone(ctx, () => keepSession({ apiRoot, client, ...tokens }, ctx))
  note(ctx, `signed in as ${who}, kept in ${sessionsFile(ctx)}`)
}

async function withToken(token: string, profile: Profile, ctx: Context): Promise<void> {
  const who = await whoIs(token, profile, ctx)
  setToken(token, ctx)
  await alone(ctx, () => forgetSession(profileName(ctx), ctx))
  note(ctx, `signed in as ${who}, kept in ${storeFile(ctx)}`)
}

/** What the server does not take is not kept. */
async function whoIs(token: string, profile: Profile, ctx: Context): Promise<string> {
  const { name, role } = await apiFor(profile, ctx, token).call(access.whoami, {}, ctx)
  return `${name} (${role})`
}

const apiFor = ({ apiRoot, cert }: Profile, ctx: Context, token?: string) =>
  connectApi({ apiRoot, ca: cert.ca, token, onAway: onAway(ctx) })
