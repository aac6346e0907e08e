import * as z from 'zod'

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

/**
 * A value with its keys as the schema spells them, whatever letters of them are capitals. Of two that are the same key the last
 * counts. Keys the schema does not know, and those that are names of the user's own, stay as they are.
 */
export function withKnownKeys(schema: z.core.$ZodType, value: unknown): unknown {
  const known = withoutWrappers(schema)
  if (known instanceof z.ZodArray && Array.isArray(value))
    return value.map((item) => withKnownKeys(known.element, item))
  if (!(known instanceof z.ZodObject) || !isObject(value)) return value
  const { shape } = known
  const spelled = new Map(Object.keys(shape).map((key) => [key.toLowerCase(), key]))
  return Object.fromEntries(
    Object.entries(value).map(([given, item]) => {
      const key = spelled.get(given.toLowerCase())
      const property = key === undefined ? undefined : shape[key]
      return [key ?? given, property ? withKnownKeys(property, item) : item]
    }),
  )
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function withoutWrappers(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault
  return isWrapped ? withoutWrappers(schema.unwrap()) : schema
}
