import { shellLine } from '#shared/domain/shell.ts'
import { visibleLines } from '#shared/domain/visible.ts'
import { npxKnit } from '#shared/files/npx-knit.ts'
import type { World } from './context.ts'

type Told = { what: string; next?: string | undefined }

/** An error as people read it: what happened, in whose words that may be, and what to try next. */
export const errorText = ({ what, next }: Told, world: Pick<World, 'env' | 'cwd'>): string =>
  visibleLines(`${what}\n${next ? `try: ${asCalled(next, world)}\n` : ''}`)

/** Advice as it can be pasted: from a checkout, where there is no `knit` but by npx, its commands are called as this one was. */
export function asCalled(advice: string, { env, cwd }: Pick<World, 'env' | 'cwd'>): string {
  if (env['npm_lifecycle_event'] !== 'npx') return advice
  const called = shellLine(npxKnit(env, cwd))
  return advice.replace(/(?<=^|\s)(?<!npx )knit (?=[a-z-])/g, () => `${called} `)
}
