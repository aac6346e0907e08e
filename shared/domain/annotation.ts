import * as z from 'zod'
import { compareBytes } from './tag.ts'

/** Free metadata of a plan; a key may have several values. */
export type Annotation = { key: string; value: string }

export const formatAnnotation = (annotation: Annotation): string =>
  `${annotation.key}=${annotation.value}`

/** Reads `KEY=VALUE`, split at the first `=`, both sides trimmed. */
export const AnnotationText = z
  .string()
  .transform((text, ctx) => {
    const equals = text.indexOf('=')
    if (equals >= 0)
      return { key: text.slice(0, equals).trim(), value: text.slice(equals + 1).trim() }
    ctx.addIssue({
      code: 'custom',
      message: `the annotation "${text}" has no "="; write it as KEY=VALUE`,
    })
    return z.NEVER
  })
  .describe('An annotation: KEY=VALUE.')

/** Sorted by key, then value, without doubles. */
export function sortAnnotations(annotations: Iterable<Annotation>): Annotation[] {
  const byText = new Map([...annotations].map((a) => [JSON.stringify([a.key, a.value]), a]))
  return [...byText.values()].sort(
    (a, b) => compareBytes(a.key, b.key) || compareBytes(a.value, b.value),
  )
}
