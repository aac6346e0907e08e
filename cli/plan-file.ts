import {
  isMap,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
} from 'yaml'
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
  if (isDeep(text)) throw wrong('it is nested more deeply than any plan')
  const lineCounter = new LineCounter()
  // Whether keys are unique is looked at below: here every key would be compared with every other.
  const options = { merge: true, uniqueKeys: false, lineCounter }
  const [document, ...more] = parseAllDocuments(text, options)
  if (!document || !('contents' in document)) throw wrong('it is empty')
  if (more.length > 0) throw wrong('it holds more than one document; put each plan in its own file')
  // A tag that is not known would be passed over, and the text behind it taken for what is meant.
  const [error] = [...document.errors, ...document.warnings]
  if (error) throw wrong((error.message.split('\n')[0] ?? '').replace(/:$/, ''))
  const [key, fault] = wrongKey(document) ?? []
  if (key) throw wrong(`${fault} at line ${lineCounter.linePos(key.range?.[0] ?? 0).line}`)
  asWritten(document)
  const value = toValue(document, wrong)

  const unknown = unknownKeys(PlanSpec, value, '')
  if (unknown.length > 0) throw wrong(told(unknown))
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

const deepest = 50

/** Each level costs, and so does each error about it: that there are many is known before. */
function isDeep(text: string): boolean {
  let [brackets, marks, isScalarNext] = [0, 0, false]
  for (const token of new Lexer().lex(text)) {
    if (!isScalarNext) {
      if (token === '[' || token === '{') brackets += 1
      else if (token === ']' || token === '}') brackets -= 1
      else if (token === '-' || token === '?') marks += 1
      else if (token === ',' || token.endsWith('\n')) marks = 0
    }
    // So the lexer says that what follows is text, whatever it looks like.
    isScalarNext = token === '\u001f'
    if (brackets + marks > deepest) return true
  }
  return false
}

/** The first key that is no text, or stands there for the second time in its mapping. */
function wrongKey(document: Document.Parsed): [Node, string] | undefined {
  let found: [Node, string] | undefined
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>()
      for (const { key } of items as { key: Node }[]) {
        const name = isScalar(key) ? String(key.value) : undefined
        if (name === undefined) found = [key, 'a key is no text']
        else if (seen.has(name) && name !== '<<') found = [key, `the key "${name}" is there twice,`]
        if (found) return visit.BREAK
        seen.add(name ?? '')
      }
      return undefined
    },
  })
  return found
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

const legacy = new Map([
  ['logs', 'log'],
  ['annoation', 'annotations'],
  ['tag', 'tags'],
])

type Unknown = { path: string; key: string; known: string[] }

/** Every key that the schema does not know, where mere stripping would lose what was meant. */
function unknownKeys(schema: unknown, value: unknown, place: string): Unknown[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return unknownKeys(schema.unwrap(), value, place)
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.flatMap((item, index) => unknownKeys(schema.element, item, `${place}[${index}]`))
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return []
  const known = Object.keys(schema.shape)
  return Object.entries(value).flatMap(([key, item]) => {
    const path = place === '' ? key : `${place}.${key}`
    if (Object.hasOwn(schema.shape, key)) return unknownKeys(schema.shape[key], item, path)
    return [{ path, key, known }]
  })
}

const mostTold = 10

function told(unknown: Unknown[]): string {
  const messages = unknown
    .slice(0, mostTold)
    .map(
      ({ path, key, known }) =>
        `there is no key "${path}"${didYouMean(legacy.get(key) ?? snakeCase(key), known)}`,
    )
  const more = unknown.length - messages.length
  return [...messages, ...(more > 0 ? [`and ${more} more like that`] : [])].join('; ')
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
  return `${where}: ${firstIssue(issue)?.message}`
}

/** Of a union, what its first alternative has to say. */
function firstIssue(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue
  return firstIssue(issue.errors[0]?.[0]) ?? issue
}
