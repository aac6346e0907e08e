import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { text } from 'node:stream/consumers'
import { LocalPath } from '#shared/domain/local-path.ts'
import { flag } from './args.ts'
import type { Context } from './context.ts'

export const tokenArgs = {
  'token-file': flag(
    LocalPath.optional().describe('File with the token to sign in with; - is stdin.'),
    { hint: 'FILE' },
  ),
}

/** Not from the command line, which others on this machine can see. */
export async function tokenIn(file: string | undefined, ctx: Context): Promise<{ token?: string }> {
  if (file === undefined) return {}
  if (file === '-') return { token: (await text(addAbortSignal(ctx.signal, ctx.stdin()))).trim() }
  return { token: readFileSync(resolve(ctx.cwd, file), 'utf8').trim() }
}
