import * as z from 'zod'

/**
 * A path within data as its names with `/` between, however it is written: `./a/b/`, `/a/b` and `a/b` are the same, and all of the data
 * is ''. None goes up: what `..` means where there are links, two may understand differently.
 */
export const FilePath = z
  .string()
  .transform((text, ctx) => {
    const names = text.split('/').filter((name) => name !== '' && name !== '.')
    const why = whyNot(names)
    if (!why) return names.join('/')
    ctx.addIssue({ code: 'custom', message: `a path within data ${why}` })
    return z.NEVER
  })
  .describe('A path within data, its names with `/` between.')

function whyNot(names: readonly string[]): string | undefined {
  if (names.includes('..')) return 'cannot go up: write it without ".."'
  return names.some((name) => name.includes('\0')) ? 'has no NUL character' : undefined
}
