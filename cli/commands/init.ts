import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { headersFor, readAnswer } from '#shared/client/api.ts'
import { connect } from '#shared/client/connection.ts'
import { routeUrl } from '#shared/client/route-url.ts'
import { access } from '#shared/contracts/access.ts'
import { LocalPath } from '#shared/domain/local-path.ts'
import { withoutUser } from '#shared/domain/outside-url.ts'
import { positional } from '../args.ts'
import { confirmed, yesArgs } from '../ask.ts'
import { asCalled } from '../called.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { note } from '../output.ts'
import {
  checkProfile,
  ownProfileName,
  profileNameHere,
  readMapping,
  readStore,
  saveStore,
  storeFile,
  useProfile,
  type Profile,
} from '../profile.ts'
import { alone } from '../sign-in/alone.ts'
import { forgetSession } from '../sign-in/sessions.ts'
import { tokenArgs, tokenIn } from '../token-file.ts'

// Who is not there is often not there for long: it is not waited for.
const patience = 3000

export default command({
  examples: [
    'knit init ~/.local/state/knit/knitprofile',
    'knit init team.yaml --profile team --token-file token.txt',
  ],
  args: {
    knitProfileFile: positional(
      LocalPath.describe('A YAML file with apiRoot and cert, and a token if there is one.'),
    ),
    ...tokenArgs,
    ...yesArgs,
  },
  async run(args, ctx) {
    const file = resolve(ctx.cwd, args.knitProfileFile)
    if (!existsSync(file))
      throw new Failure(
        `there is no file ${file}`,
        'ask the administrator for one, or start a system here: knit local start --detach',
      )
    const profile = { ...readMapping(file), ...(await tokenIn(args['token-file'], ctx)) }
    const checked = checkProfile(profile, `the profile in ${file}`)

    const name = ownProfileName(ctx)
    const store = storeFile(ctx)
    const saved = readStore(store)
    const isThere = Object.hasOwn(saved, name)
    const isOthers = isThere && name !== profileNameHere(ctx.cwd)
    const isLost = isOthers && !isDeepStrictEqual(saved[name], profile)
    if (isLost && !(await confirmed(`Replace the profile "${name}" in ${store}?`, args, ctx)))
      return
    const verb = isThere ? 'replaced' : 'saved'
    saveStore(store, { ...saved, [name]: profile })
    useProfile(name, ctx)
    await alone(ctx, () => forgetSession(name, ctx))
    note(ctx, `${verb} the profile "${name}" in ${store}`)
    if (!ctx.flags.quiet) note(ctx, await whatIsThere(checked, ctx))
  },
})

/** What the server says when it is asked once. The profile is kept whatever that is: a server may be started later. */
async function whatIsThere({ apiRoot, cert, token }: Profile, ctx: Context): Promise<string> {
  const late = AbortSignal.timeout(patience)
  const signal = AbortSignal.any([ctx.signal, late])
  try {
    const url = routeUrl(apiRoot, access.whoami, {})
    const headers = headersFor(token)
    const answer = await connect(url, cert.ca).fetch(url, { method: 'GET', headers, signal })
    const { name, role } = readAnswer(access.whoami, answer, await answer.text())
    return `${withoutUser(apiRoot)} answers; there you are ${name} (${role})`
  } catch (error) {
    ctx.signal.throwIfAborted()
    if (late.aborted) return `${withoutUser(apiRoot)} has not answered yet`
    const { explain } = await import('../explain.ts')
    const { what, next } = explain(error, { name: 'knit whoami', about: [], line: 'knit whoami' })
    return next === undefined ? what : `${what}; try: ${asCalled(next, ctx)}`
  }
}
