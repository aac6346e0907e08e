import * as z from 'zod'
import { plainWords } from '#shared/domain/plain-words.ts'
import type { Arg, Args } from './arg.ts'
import { UsageError } from './failure.ts'

type Look = {
  /** The one-letter form of the flag. */
  short?: string
  /** What stands for the value in the help. */
  hint?: string
}

/** A flag with a value, of which the schema decides what is legal and read; an array schema makes it repeatable. */
export function flag<S extends z.ZodType>(schema: S, { short, hint }: Look = {}): Arg<z.output<S>> {
  const { item, many, shown } = shapeOf(schema)
  const choices = choicesOf(item)
  const description = [schema.description, many && '(repeatable)'].filter(Boolean).join(' ')
  const look = { description, alias: short, default: shown, required: isRequired(schema) }
  const all = { ...look, many, choices, read: reading(schema) }
  if (choices.length > 0) return { type: 'enum', options: choices, ...all }
  return { type: 'string', valueHint: hint, ...all }
}

/** An argument known by its place; an array schema takes all that are left. */
export function positional<S extends z.ZodType>(schema: S): Arg<z.output<S>> {
  const { item, many } = shapeOf(schema)
  return {
    type: 'positional',
    description: schema.description,
    required: isRequired(schema),
    many,
    choices: choicesOf(item),
    read: reading(schema),
  }
}

const reading =
  <S extends z.ZodType>(schema: S) =>
  (given: unknown, name: string): z.output<S> => {
    const result = schema.safeParse(given, { error: plainWords })
    if (result.success) return result.data
    throw new UsageError(`${name}: ${result.error.issues[0]?.message ?? result.error.message}`)
  }

const isRequired = (schema: z.ZodType): boolean => !schema.safeParse(undefined).success

const choicesOf = (item: z.core.$ZodType): string[] =>
  item instanceof z.ZodEnum ? item.options.map(String) : []

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

/** How results can be written. */
export const Format = z.enum(['json', 'table', 'yaml', 'name'])
export type Format = z.output<typeof Format>

export const formatHelp =
  'json or yaml for programs, table for people, name for the first column of that alone.'

export const outputArgs = {
  output: flag(Format.default('json').describe(formatHelp)),
} satisfies Args
