import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { positional } from '../args.ts'
import { confirmed, yesArgs } from '../ask.ts'
import { command } from '../command.ts'
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
} from '../profile.ts'
import { alone } from '../sign-in/alone.ts'
import { forgetSession } from '../sign-in/sessions.ts'
import { tokenArgs, tokenIn } from '../token-file.ts'

export default command({
  examples: [
    'knit init ~/.local/state/knit/knitprofile',
    'knit init team.yaml --profile team --token-file token.txt',
  ],
  args: {
    knitProfileFile: positional(
      z.string().describe('A YAML file with apiRoot and cert, and a token if there is one.'),
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
    checkProfile(profile, `the profile in ${file}`)

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
  },
})
