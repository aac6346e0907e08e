import { join, resolve } from 'node:path'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'

/** The words that start the system of this machine. Throws where there is only a client of one. */
export function requireProgram({ localProgram }: Context): string[] {
  if (localProgram.length > 0) return localProgram
  throw new Failure(
    'this is a client only: the system that runs on one machine is not part of it',
    'in a checkout of Knitfab: npm ci && npx knit local start --detach',
  )
}

/** The directory the system on this machine lives in. */
export function localHome(ctx: Context, given?: string): string {
  const { KNIT_HOME, XDG_STATE_HOME } = ctx.env
  if (given ?? KNIT_HOME) return resolve(ctx.cwd, given ?? KNIT_HOME ?? '')
  return join(XDG_STATE_HOME || join(ctx.home, '.local', 'state'), 'knit')
}
