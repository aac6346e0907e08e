import { isMap, isPair, isScalar, parseAllDocuments, visit, type Document } from 'yaml'
import * as z from 'zod'
import { plainWords } from '#shared/domain/plain-words.ts'
import { PlanSpec } from '#shared/domain/plan.ts'
import { didYouMean } from './did-you-mean.ts'
import { Failure } from './failure.ts'

/** A plan as it is sent: what the file says, once it has been checked. */
export type PlanBody = z.input<typeof PlanSpec>

/** Reads the YAML of a plan. Throws `Failure` naming the file, the place and what is wrong there. */
export function readPlan(text: string, file: string): PlanBody {
  const wrong = (what: string) => new Failure(`${file}: ${what}`, 'knit plan template --scratch')
  const [document, ...more] = parseAllDocuments(text, { merge: true })
  if (!document || !('contents' in document)) throw wrong('it is empty')
  if (more.length > 0) throw wrong('it holds more than one document; put each plan in its own file')
  const [error] = document.errors
  if (error) throw wrong((error.message.split('\n')[0] ?? '').replace(/:$/, ''))
  asWritten(document)
  const value = toValue(document, wrong)

  const unknown = unknownKeys(PlanSpec, value, '')
  if (unknown.length > 0) throw wrong(unknown.join('; '))
  const result = PlanSpec.safeParse(value, { error: plainWords })
  if (!result.success) throw wrong(messageOf(result.error, value))
  return value as PlanBody
}

function toValue(document: Document.Parsed, wrong: (what: string) => Failure): unknown {
  if (!isMap(document.contents))
    throw wrong('it is no mapping of keys such as image, inputs, outputs')
  try {
    return document.toJS()
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error))
  }
}

/** Keeps numbers and booleans as the text they are in the file: an argument `1.0` is not `1`. */
function asWritten(document: Document.Parsed): void {
  visit(document, {
    Scalar(key, node, path) {
      const parent = path.at(-1)
      const isActive = isPair(parent) && isScalar(parent.key) && parent.key.value === 'active'
      if (key === 'value' && isActive) node.value = readBoolean(node.value)
      else if (typeof node.value !== 'string' && node.value !== null && node.source !== undefined)
        node.value = node.source
    },
  })
}

function readBoolean(value: unknown): unknown {
  if (/^(yes|on|y)$/i.test(String(value))) return true
  return /^(no|off|n)$/i.test(String(value)) ? false : value
}

const legacy: Record<string, string> = { logs: 'log', annoation: 'annotations', tag: 'tags' }

/** A message for every key that the schema does not know, where mere stripping would lose what was meant. */
function unknownKeys(schema: unknown, value: unknown, place: string): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return unknownKeys(schema.unwrap(), value, place)
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.flatMap((item, index) => unknownKeys(schema.element, item, `${place}[${index}]`))
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return []
  const known = Object.keys(schema.shape)
  return Object.entries(value).flatMap(([key, item]) => {
    const path = place === '' ? key : `${place}.${key}`
    if (Object.hasOwn(schema.shape, key)) return unknownKeys(schema.shape[key], item, path)
    return `there is no key "${path}"${didYouMean(legacy[key] ?? snakeCase(key), known)}`
  })
}

const snakeCase = (key: string): string =>
  key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function messageOf(error: z.ZodError, value: unknown): string {
  const issue = error.issues[0]
  const path = issue?.path ?? []
  const place = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
  const where = place.join('').replace(/^\./, '')
  const given = path.reduce<unknown>((inner, part) => (inner as never)?.[part], value)
  if (path.at(-2) === 'tags' && typeof given === 'object')
    return `${where}: a tag is "KEY:VALUE" in quotes; unquoted, a blank after the colon makes it a mapping`
  return `${where}: ${deepest(issue)?.message}`
}

/** Of a union, what its first alternative has to say. */
function deepest(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  return deepest(issue.errors[0]?.[0]) ?? issue
}
