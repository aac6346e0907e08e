import type { Context } from './context.ts'

/**
 * A part of a clock step which is done no more often than every so many milliseconds, as each time costs the more the more there is.
 * One that fails is done again at the next tick.
 */
export function nowAndThen(
  every: number,
  part: (ctx: Context) => Promise<void>,
): (ctx: Context) => Promise<void> {
  const doneAt = new WeakMap<Context['config'], number>()
  return async (ctx) => {
    const now = ctx.clock.now().getTime()
    // A clock may be set back.
    if (Math.abs(now - (doneAt.get(ctx.config) ?? 0)) < every) return
    await part(ctx)
    doneAt.set(ctx.config, now)
  }
}
