import { ApiError } from '#shared/client/api-error.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { errorText } from './called.ts'
import type { Context } from './context.ts'

/** The ids of what is acted on, and the flags that say how. */
type Things = { ids: readonly string[]; flags?: readonly string[] }

/**
 * Acts on one thing after the other, and answers the exit code. Of several, one that the server refuses is told with what to try next, and
 * the others are acted on all the same; once no answer comes those that are left are named, and nothing more is asked.
 */
export async function oneByOne(
  { ids, flags = [] }: Things,
  ctx: Context,
  act: (id: string) => Promise<void>,
): Promise<number> {
  const again = (some: readonly string[]) => shellLine([...ctx.name.split(' '), ...flags, ...some])
  let exitCode = 0
  for (const [index, id] of ids.entries()) {
    try {
      await act(id)
    } catch (error) {
      if (ids.length === 1 || ctx.signal.aborted) throw error
      const { explain } = await import('./explain.ts')
      const told = explain(error, { name: ctx.name, about: [id], line: again([id]) })
      ctx.stderr.write(errorText(told, ctx))
      exitCode = Math.max(exitCode, told.exitCode)
      const left = ids.slice(index + 1)
      if (error instanceof ApiError || left.length === 0) continue
      const what = `not tried any more: ${left.join(', ')}`
      ctx.stderr.write(errorText({ what, next: again(left) }, ctx))
      break
    }
  }
  return exitCode
}
