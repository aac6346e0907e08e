import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import * as z from 'zod'
import { Problem } from '#shared/contracts/problems.ts'
import type { RouteSpec } from '#shared/contracts/route.ts'
import { Invalid, notUnderstood } from '#shared/domain/invalid.ts'
import { issues, plainWords, shortened } from '#shared/domain/plain-words.ts'
import { jsonFor } from './lenient-json.ts'
import { isOn, type Asked, type queryOf } from './web.ts'

/** What our server passes along: the raw request and answer, which stream faster than those of the web. */
export type NodeBindings = {
  incoming?: import('node:http').IncomingMessage
  outgoing?: import('node:http').ServerResponse
}

// They count by being there.
const switches = new Set(['follow', 'dryRun'])

/** Query parameters as a contract's schema wants them: arrays for repeated ones, the first of the others. */
export function readQuery(
  schema: z.ZodObject | undefined,
  params: ReturnType<typeof queryOf>,
): unknown {
  if (!schema) return {}
  const given: Record<string, unknown> = {}
  for (const { name, isRepeated } of parametersOf(schema)) {
    const value = params.get(name)
    if (value === null) continue
    if (isRepeated) given[name] = params.getAll(name)
    else if (switches.has(name) ? isOn(value) : value !== '') given[name] = value
  }
  const result = schema.safeParse(given, { error: plainWords })
  if (result.success) return result.data
  const [issue] = result.error.issues
  const why = `"${String(issue?.path[0])}": ${shortened(issue?.message ?? '')}`
  throw new Problem('bad-request', why, { cause: result.error })
}

type Parameter = { name: string; isRepeated: boolean }

// To ask a schema what it is takes longer than to use what it has said.
const parameters = new WeakMap<z.ZodObject, Parameter[]>()

function parametersOf(schema: z.ZodObject): Parameter[] {
  const seen = parameters.get(schema)
  if (seen) return seen
  const read = Object.entries(schema.shape).map(([name, property]) => ({
    name,
    isRepeated: isArray(property),
  }))
  parameters.set(schema, read)
  return read
}

function isArray(schema: unknown): boolean {
  if (schema instanceof z.ZodArray) return true
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? isArray(schema.unwrap())
    : false
}

/** How many bytes a body may have, and the setting that says so. */
export type BodyLimit = { setting: string; bytes: number }

/** The JSON body, checked against the contract. Other media types, broken JSON and too much of it are refused. */
export async function readJson(
  contract: RouteSpec,
  request: Asked,
  bindings: NodeBindings,
  limit: BodyLimit,
): Promise<unknown> {
  const { body: schema } = contract
  if (!(schema instanceof z.ZodType)) return undefined
  const text = await readText(request, bindings, limit)
  if (text === '' && schema.safeParse(undefined).success) return schema.parse(undefined)
  if (!contract.anyType) checkType(request.headers.get('content-type'))
  const given = parseJson(schema, text)
  const result = schema.safeParse(given, { error: plainWords })
  if (result.success) return result.data
  throw unreadable(issues(result.error), result.error)
}

function checkType(type: string | null): void {
  if (!/^application\/json\s*(;|$)/i.test(type ?? ''))
    throw new Problem(
      'bad-request',
      `The content type should be application/json, but it is ${type || 'absent'}.`,
    )
}

function parseJson(schema: z.ZodType, text: string): unknown {
  try {
    return jsonFor(schema, text)
  } catch (error) {
    if (error instanceof Invalid) throw error
    // To look at numbers as they were written takes a frame of the stack for each level.
    const isDeep = error instanceof RangeError
    throw unreadable(
      isDeep ? 'it is nested more deeply than anybody reads.' : 'the body is no JSON document.',
      error,
    )
  }
}

const unreadable = (why: string, cause: unknown): Problem =>
  new Problem('bad-request', `${notUnderstood}: ${why}`, { cause })

/** The whole body as text. Throws `Problem` when it has more bytes than the limit, which is named. */
export async function readText(
  request: Asked,
  bindings: NodeBindings,
  { setting, bytes: maxBytes }: BodyLimit,
): Promise<string> {
  const tooLarge = () =>
    new Problem(
      'too-large',
      `The body has more than ${maxBytes} bytes, which is the limit (${setting}).`,
    )
  const { content } = request
  const length =
    content === undefined ? request.headers.get('content-length') : Buffer.byteLength(content)
  if (Number(length ?? 0) > maxBytes) throw tooLarge()
  if (content !== undefined) return content
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of bodyStream(request, bindings).iterator({ destroyOnReturn: false })) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    const { destroyed, complete } = bindings.incoming ?? {}
    throw destroyed && !complete ? brokenOff(error) : error
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** Nobody hears it any more; but it is no failure of ours. */
const brokenOff = (cause: unknown): Problem =>
  new Problem('bad-request', 'The connection broke before the body was whole; send it again.', {
    cause,
  })

/** The body as a stream of bytes, with the trailers that follow it. */
export function bodyStream(request: Asked, bindings: NodeBindings): Readable {
  if (bindings.incoming) return bindings.incoming
  if (!request.body) return Readable.from([])
  return Readable.fromWeb(request.body as ReadableStream)
}
