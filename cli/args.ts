import type { ArgDef } from 'citty'
import * as z from 'zod'

/** One argument of a command: what citty needs for the help, and the schema that decides what is legal and read. */
export type Arg<S extends z.ZodType = z.ZodType> = ArgDef & { schema: S; many: boolean }
export type Args = Record<string, Arg>

/** What a command gets for its arguments. */
export type Values<A extends Args> = { [K in keyof A]: z.output<A[K]['schema']> }

type Look = {
  /** The one-letter form of the flag. */
  short?: string
  /** What stands for the value in the help. */
  hint?: string
}

/** A flag with a value; an array schema makes it repeatable. */
export function flag<S extends z.ZodType>(schema: S, { short, hint }: Look = {}): Arg<S> {
  const { item, many, shown } = shapeOf(schema)
  const look = { alias: short, default: shown, required: isRequired(schema), schema, many }
  const description = [schema.description, many && '(repeatable)'].filter(Boolean).join(' ')
  if (item instanceof z.ZodEnum)
    return { type: 'enum', options: item.options.map(String), description, ...look }
  return { type: 'string', valueHint: hint, description, ...look }
}

/** A flag without value. */
export const toggle = (
  description: string,
  { short }: Look = {},
): Arg<z.ZodDefault<z.ZodBoolean>> => ({
  type: 'boolean',
  description,
  alias: short,
  schema: z.boolean().default(false),
  many: false,
})

/** An argument known by its place; an array schema takes all that are left. */
export const positional = <S extends z.ZodType>(schema: S): Arg<S> => ({
  type: 'positional',
  description: schema.description,
  required: isRequired(schema),
  schema,
  many: shapeOf(schema).many,
})

const isRequired = (schema: z.ZodType): boolean => !schema.safeParse(undefined).success

/** The values an argument can have, where they are few and known. */
export function choicesOf({ schema }: Arg): string[] {
  const { item } = shapeOf(schema)
  return item instanceof z.ZodEnum ? item.options.map(String) : []
}

type Shape = { item: z.core.$ZodType; many: boolean; shown?: string }

function shapeOf(schema: z.core.$ZodType): Shape {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    const value = schema.def.defaultValue
    const isShown = ['string', 'number'].includes(typeof value)
    return { ...shapeOf(schema.unwrap()), ...(isShown && { shown: String(value) }) }
  }
  if (schema instanceof z.ZodOptional) return shapeOf(schema.unwrap())
  if (schema instanceof z.ZodPipe) return shapeOf(schema.in)
  if (schema instanceof z.ZodArray) return { item: schema.element, many: true }
  return { item: schema, many: false }
}

export const globalArgs = {
  profile: flag(
    z.string().optional().describe('Name of the profile; else $KNIT_PROFILE, else .knitprofile.'),
    { hint: 'PROFILE' },
  ),
  'profile-store': flag(
    z
      .string()
      .optional()
      .describe('File of the profiles; else $KNIT_PROFILE_STORE, else ~/.knit/profile.'),
    { hint: 'FILE' },
  ),
  env: flag(
    z.string().optional().describe('File of project defaults; else $KNIT_ENV, else knitenv.'),
    { hint: 'FILE' },
  ),
  quiet: toggle('Say nothing but results and errors.', { short: 'q' }),
  help: toggle('Show this help.', { short: 'h' }),
} satisfies Args

/** How results can be written. */
export const Format = z.enum(['json', 'table', 'yaml', 'name'])
export type Format = z.output<typeof Format>

export const formatHelp =
  'json or yaml for programs, table for people, name for the first column of that alone.'

export const outputArgs = {
  output: flag(Format.default('json').describe(formatHelp)),
} satisfies Args
