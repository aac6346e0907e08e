import * as z from 'zod'
import { Invalid, notUnderstood } from '#shared/domain/invalid.ts'
import { Quantity } from '#shared/domain/quantity.ts'

/** The first JSON value of a text. What comes after it is passed over, as clients of this API are used to. */
export function firstJson(text: string, revive?: Revive): unknown {
  try {
    return JSON.parse(text, revive)
  } catch (error) {
    const end = /after JSON at position (\d+)/.exec(String(error))?.[1]
    if (end === undefined) throw error
    return JSON.parse(text.slice(0, Number(end)), revive)
  }
}

type Revive = (this: object, key: string, value: unknown, context?: { source?: string }) => unknown

/**
 * The first JSON value of a text, for a schema: its keys are as the schema spells them, and quantities that are numbers are the text
 * that was written, as `1e3` is another one than `1000`. Throws `SyntaxError`, and what `withKnownKeys` throws.
 */
export function jsonFor(schema: z.core.$ZodType, text: string): unknown {
  const seen = { entries: mostEntries, hasNumbers: false }
  const value = spelled(schema, firstJson(text), seen)
  // To look at each number as it was written takes much longer, and has nothing to find in most texts.
  return seen.hasNumbers ? withNumbers(schema, text) : value
}

function withNumbers(schema: z.core.$ZodType, text: string): unknown {
  const written: Written = new Map()
  const value = firstJson(text, function (key, item, context) {
    if (typeof item === 'number' && context?.source !== undefined) {
      const numbers = written.get(this) ?? new Map<string, string>()
      written.set(this, numbers.set(key, context.source))
    }
    return item
  })
  return spelled(schema, value, { entries: mostEntries, hasNumbers: false, written })
}

/** By the object that holds it, and its key: a number as it was written. */
type Written = Map<object, Map<string, string>>

// To look at one takes its time, and most of all at one that is wrong.
const mostEntries = 10_000

/**
 * A value with its keys as the schema spells them, whatever letters of them are capitals. Of two that are the same key the last
 * counts. Keys the schema does not know, and those that are names of the user's own, stay as they are. Throws `Invalid` when its lists
 * and mappings have more entries than anybody would look at.
 */
export const withKnownKeys = (schema: z.core.$ZodType, value: unknown): unknown =>
  spelled(schema, value, { entries: mostEntries, hasNumbers: false })

/** How many entries may still come, whether there are quantities that are numbers, and what was written for them. */
type Seen = { entries: number; hasNumbers: boolean; written?: Written }

function spelled(schema: z.core.$ZodType, value: unknown, seen: Seen): unknown {
  const known = spellingOf(schema)
  if (!known || typeof value !== 'object' || value === null) return value
  if ('element' in known) {
    if (!Array.isArray(value)) return value
    count(value.length, seen)
    return value.map((item) => spelled(known.element, item, seen))
  }
  if (Array.isArray(value)) return value
  if ('names' in known) {
    count(Object.keys(value).length, seen)
    return known.names === Quantity ? asWritten(value, seen) : value
  }
  return Object.fromEntries(
    Object.entries(value).map(([given, item]) => {
      const { key = given, property } = known.keys.get(given.toLowerCase()) ?? {}
      return [key, property ? spelled(property, item, seen) : item]
    }),
  )
}

/** Quantities, those that are numbers as the text that was written, where that is known. */
function asWritten(quantities: object, seen: Seen): object {
  const numbers = seen.written?.get(quantities)
  if (numbers) return { ...quantities, ...Object.fromEntries(numbers) }
  seen.hasNumbers ||= Object.values(quantities).some((one) => typeof one === 'number')
  return quantities
}

function count(entries: number, seen: Seen): void {
  seen.entries -= entries
  if (seen.entries < 0)
    throw new Invalid(
      notUnderstood,
      `its lists and mappings have more than ${mostEntries} entries; send fewer at a time`,
    )
}

/** What an array holds; the keys of an object, by their small letters; what names of the user's own lead to; of anything else nothing. */
type Spelling =
  | { element: z.core.$ZodType }
  | { keys: Map<string, { key: string; property: z.core.$ZodType }> }
  | { names: z.core.$ZodType }
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
  if (schema instanceof z.ZodRecord) return { names: schema.valueType }
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
