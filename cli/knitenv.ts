import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as z from 'zod'
import { plainWords } from '#shared/domain/plain-words.ts'
import { Quantity } from '#shared/domain/quantity.ts'
import { isSystemTag, TagIn } from '#shared/domain/tag.ts'
import type { Context } from './context.ts'
import { didYouMean } from './did-you-mean.ts'
import { Failure, first } from './failure.ts'
import { findUp } from './find-up.ts'
import { note } from './output.ts'
import { readMapping } from './profile.ts'

/** What a project gives its uploads and its new plans. */
const Knitenv = z.object({
  tag: z
    .array(TagIn)
    .nullish()
    .transform((tags) => (tags ?? []).filter((tag) => !isSystemTag(tag))),
  resource: z
    .record(z.string(), Quantity)
    .nullish()
    .transform((resources) => resources ?? {}),
})
export type Knitenv = z.output<typeof Knitenv>

/** The knitenv that was named, or the nearest one; where there is none, the one that could be here. */
export function knitenvFile({ flags, env, cwd }: Pick<Context, 'flags' | 'env' | 'cwd'>): string {
  const given = flags.env ?? (env.KNIT_ENV || undefined)
  return given === undefined
    ? (findUp('knitenv', cwd) ?? join(cwd, 'knitenv'))
    : resolve(cwd, given)
}

/** What the knitenv says; nothing when there is none, which is an error only if it was named by a flag. */
export function loadKnitenv(ctx: Context): Knitenv {
  const file = knitenvFile(ctx)
  if (existsSync(file)) return read(file, ctx)
  if (ctx.flags.env === undefined) return Knitenv.parse({})
  throw new Failure(`there is no file ${file}`, first('correct --env'))
}

function read(file: string, ctx: Context): Knitenv {
  const content = readMapping(file)
  const known = Object.keys(Knitenv.shape)
  for (const key of Object.keys(content))
    if (!known.includes(key))
      note(ctx, `${file}: "${key}" means nothing here${didYouMean(key, known)}`)
  const result = Knitenv.safeParse(content, { error: plainWords })
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new Failure(
    `${file} cannot be read: ${issue?.path.join('.')}: ${issue?.message}`,
    first('correct it (tags are "KEY:VALUE" in quotes, resources NAME: QUANTITY)'),
  )
}
