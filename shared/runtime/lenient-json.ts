import * as z from 'zod'
import { Invalid, notUnderstood } from '#shared/domain/invalid.ts'

/** The first JSON value of a text. What comes after it is passed over, as clients of this API are used to. */
export function firstJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const end = /after JSON at position (\d+)/.exec(String(error))?.[1]
    if (end === undefined) throw error
    return JSON.parse(text.slice(0, Number(end)))
  }
}

// To look at one takes its time, and most of all at one that is wrong.
const mostEntries = 10_000

/**
 * A value with its keys as the schema spells them, whatever letters of them are capitals. Of two that are the same key the last
 * counts. Keys the schema does not know, and those that are names of the user's own, stay as they are. Throws `Invalid` when its lists
 * and mappings have more entries than anybody would look at.
 */
export const withKnownKeys = (schema: z.core.$ZodType, value: unknown): unknown =>
  spelled(schema, value, { entries: mostEntries })

function spelled(schema: z.core.$ZodType, value: unknown, left: { entries: number }): unknown {
  const known = spellingOf(schema)
  if (!known || typeof value !== 'object' || value === null) return value
  if ('element' in known) {
    if (!Array.isArray(value)) return value
    count(value.length, left)
    return value.map((item) => spelled(known.element, item, left))
  }
  if (Array.isArray(value)) return value
  if ('names' in known) {
    count(Object.keys(value).length, left)
    return value
  }
  return Object.fromEntries(
    Object.entries(value).map(([given, item]) => {
      const { key = given, property } = known.keys.get(given.toLowerCase()) ?? {}
      return [key, property ? spelled(property, item, left) : item]
    }),
  )
}

function count(entries: number, left: { entries: number }): void {
  left.entries -= entries
  if (left.entries < 0)
    throw new Invalid(
      notUnderstood,
      `its lists and mappings have more than ${mostEntries} entries; send fewer at a time`,
    )
}

/** What an array holds; the keys of an object, by their small letters; that they are names of the user's own; of anything else nothing. */
type Spelling =
  | { element: z.core.$ZodType }
  | { keys: Map<string, { key: string; property: z.core.$ZodType }> }
  | { names: true }
  | undefined

// To ask a schema what it is takes longer than to use what it has said.
const spellings = new WeakMap<z.core.$ZodType, { spelling: Spelling }>()

function spellingOf(schema: z.core.$ZodType): Spelling {
  const seen = spellings.get(schema)
  if (seen) return seen.spelling
  const spelling = readSpelling(withoutWrappers(schema))
  spellings.set(schema, { spelling })
  return spelling
}

function readSpelling(schema: z.core.$ZodType): Spelling {
  if (schema instanceof z.ZodArray) return { element: schema.element }
  if (schema instanceof z.ZodRecord) return { names: true }
  if (!(schema instanceof z.ZodObject)) return undefined
  const shape = Object.entries(schema.shape as Record<string, z.core.$ZodType>)
  return {
    keys: new Map(shape.map(([key, property]) => [key.toLowerCase(), { key, property }])),
  }
}

function withoutWrappers(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault
  return isWrapped ? withoutWrappers(schema.unwrap()) : schema
}
