import * as z from 'zod'
import { compareBytes } from './tag.ts'

/** Free metadata of a plan; a key may have several values. */
export type Annotation = { key: string; value: string }

export const formatAnnotation = (annotation: Annotation): string =>
  `${annotation.key}=${annotation.value}`

const longestKey = 253

/** Reads `KEY=VALUE`, split at the first `=`, both sides trimmed. */
export const AnnotationText = z
  .string()
  .transform((text, ctx) => {
    const equals = text.indexOf('=')
    const key = text.slice(0, Math.max(equals, 0)).trim()
    const fault = faultOf(text, equals, key)
    if (fault === undefined) return { key, value: text.slice(equals + 1).trim() }
    ctx.addIssue({ code: 'custom', message: fault })
    return z.NEVER
  })
  .describe('An annotation: KEY=VALUE.')

function faultOf(text: string, equals: number, key: string): string | undefined {
  if (text.includes('\0') || !text.isWellFormed())
    return 'an annotation has no NUL character, and is valid Unicode text'
  if (equals < 0) return `the annotation "${text}" has no "="; write it as KEY=VALUE`
  if (key.length > longestKey)
    return `the key of the annotation "${key.slice(0, 60)}…" has ${key.length} characters; at most ${longestKey} are possible`
  return undefined
}

/** Sorted by key, then value, without doubles. */
export function sortAnnotations(annotations: Iterable<Annotation>): Annotation[] {
  const byText = new Map([...annotations].map((a) => [JSON.stringify([a.key, a.value]), a]))
  return [...byText.values()].sort(
    (a, b) => compareBytes(a.key, b.key) || compareBytes(a.value, b.value),
  )
}

/** A change of annotations: removals first, then additions. */
export const AnnotationChange = z
  .object({
    add: z.array(AnnotationText).nullish().describe('To put; one that is there already stays.'),
    remove: z.array(AnnotationText).nullish().describe('Exact ones to take away.'),
    remove_key: z
      .array(z.string())
      .nullish()
      .describe('Keys of which every annotation is taken away.'),
  })
  .nullish()
  .meta({ id: 'AnnotationChange' })
export type AnnotationChange = z.infer<typeof AnnotationChange>

/** What annotations are after a change. */
export function changedAnnotations(
  annotations: readonly Annotation[],
  change: AnnotationChange,
): Annotation[] {
  const keys = new Set(change?.remove_key ?? [])
  const gone = new Set(change?.remove?.map(formatAnnotation))
  const left = annotations.filter((one) => !keys.has(one.key) && !gone.has(formatAnnotation(one)))
  return sortAnnotations([...left, ...(change?.add ?? [])])
}
