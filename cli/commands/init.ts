import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import * as z from 'zod'
import { flag, positional } from '../args.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { Failure } from '../failure.ts'
import { note } from '../output.ts'
import {
  checkProfile,
  ownProfileName,
  readMapping,
  readStore,
  saveStore,
  storeFile,
} from '../profile.ts'

export default command({
  about: 'Make this directory a project of the system that a profile file describes.',
  args: {
    knitProfileFile: positional(
      z.string().describe('A YAML file with apiRoot and cert, and a token if there is one.'),
    ),
    'token-file': flag(
      z.string().optional().describe('File with the token to sign in with; - is stdin.'),
      { hint: 'FILE' },
    ),
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
    const verb = Object.hasOwn(saved, name) ? 'replaced' : 'saved'
    saveStore(store, { ...saved, [name]: profile })
    writeFileSync(join(ctx.cwd, '.knitprofile'), name, { mode: 0o600 })
    note(ctx, `${verb} the profile "${name}" in ${store}`)
  },
})

/** Not from the command line, which others on this machine can see. */
async function tokenIn(file: string | undefined, ctx: Context): Promise<{ token?: string }> {
  if (file === undefined) return {}
  if (file === '-') return { token: (await text(ctx.stdin)).trim() }
  return { token: readFileSync(resolve(ctx.cwd, file), 'utf8').trim() }
}
