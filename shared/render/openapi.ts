import * as z from 'zod'
import { problems, type ProblemCode } from '#shared/contracts/problems.ts'
import {
  idempotencyHeader,
  isWrite,
  routeFolder,
  type MediaType,
  type Route,
} from '#shared/contracts/route.ts'
import { exampleOf, examples, problemExampleOf } from './examples.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document of routes: what the contracts say, in the form tools read. */
export function openapi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Knitfab',
      version,
      description:
        'Tagging data is the pipeline: data that fits the inputs of a plan starts a run.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    security: [{ token: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'Of a token, or of the settings.' },
      },
      schemas: { ...components(routes), ...errors },
      examples: failures(),
    },
  }
}

function operation(route: Route): Json {
  return {
    operationId: routeFolder(route),
    summary: route.summary,
    description: route.open ? 'Everybody may.' : `Needs the role ${route.role}.`,
    ...(route.open && { security: [] }),
    tags: [route.name.split('.')[0]],
    parameters: [
      ...parameters('path', route.params),
      ...parameters('query', route.query),
      ...(isWrite(route) ? [keyParameter] : []),
    ],
    ...(route.body && { requestBody: { required: true, content: content(route.body, 'input') } }),
    responses: {
      [route.status ?? 200]: {
        description: 'Done.',
        ...(!(route.response instanceof z.ZodVoid) && {
          content: {
            ...content(route.response, 'output'),
            ...(route.also && content(route.also, 'output')),
          },
        }),
      },
      ...refusals(route),
    },
  }
}

const keyParameter: Json = {
  name: idempotencyHeader,
  in: 'header',
  description:
    'Any text of your choice, new for each request. Asked again with the same one, the request has no second effect and the answer of the first.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

function parameters(where: 'path' | 'query', schema: z.ZodObject | undefined): Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, property]) => {
    const { description, ...json } = jsonSchema(property as z.ZodType, 'input')
    const isArray = json['type'] === 'array'
    return {
      name,
      in: where,
      ...(where === 'path' && { required: true }),
      ...(description !== undefined && { description }),
      schema: json,
      ...(isArray && { style: 'form', explode: true }),
    }
  })
}

function content(body: z.ZodType | MediaType, io: 'input' | 'output'): Json {
  if (body instanceof z.ZodType) return { 'application/json': { schema: jsonSchema(body, io) } }
  return { [body]: { schema: { type: 'string', contentMediaType: body } } }
}

/** Every planned failure of a route, by status. */
function refusals(route: Route): Json {
  const codes = [
    ...new Set([
      ...route.problems,
      ...(route.open ? [] : (['unauthorized', 'forbidden', 'too-many-requests'] as const)),
      ...(isWrite(route) ? (['key-refused'] as const) : []),
      'unexpected',
      'unavailable',
    ] as const),
  ]
  const byStatus = Map.groupBy(codes, (code) => problems[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `${code}: ${problems[code].title}`).join('; '),
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/ApiError' },
            examples: referTo(same),
          },
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/ProblemDetails' },
            examples: referTo(same, '.problem'),
          },
        },
      },
    ]),
  )
}

const referTo = (codes: readonly ProblemCode[], form = ''): Json =>
  Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}${form}` }]))

/** Every failure in both its forms, written once. */
const failures = (): Json =>
  Object.fromEntries(
    (Object.keys(problems) as ProblemCode[]).flatMap((code) => [
      [code, { value: exampleOf(code) }],
      [`${code}.problem`, { value: problemExampleOf(code) }],
    ]),
  )

const errors = {
  ApiError: {
    type: 'object',
    required: ['message'],
    properties: { message: { type: 'string', description: 'What happened, and what to try.' } },
  },
  ProblemDetails: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string', description: 'What happened, and what to try.' },
      code: { type: 'string', enum: Object.keys(problems) },
      requestId: { type: 'string', description: 'What to look for in the log.' },
    },
  },
}

/** A schema with a name is written once, below components, and referred to. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, $defs: __, ...json } = convert(schema, io)
  const id = schema.meta()?.id
  return id === undefined ? (relocate(json) as Json) : { $ref: `#/components/schemas/${id}` }
}

function components(routes: readonly Route[]): Json {
  const found: Json = {}
  for (const route of routes) {
    for (const [schema, io] of [
      [route.body, 'input'],
      [route.response, 'output'],
    ] as const) {
      if (!(schema instanceof z.ZodType) || schema instanceof z.ZodVoid) continue
      const { $schema: _, $defs = {}, ...json } = convert(schema, io)
      for (const [id, part] of Object.entries($defs)) found[id] = relocate(withoutId(part))
      const id = schema.meta()?.id
      // One that is used inside of itself, or named by the converter, is among the parts already.
      if (id !== undefined && !(id in $defs)) found[id] = relocate(withoutId(json))
    }
  }
  for (const [id, example] of Object.entries(examples))
    if (found[id]) Object.assign(found[id], { examples: [example] })
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const convert = (schema: z.ZodType, io: 'input' | 'output') =>
  z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json & { $defs?: Json }

const withoutId = (schema: unknown): unknown => {
  const { id: _, ...rest } = schema as Json
  return rest
}

/** Makes references between schemas those of the document. */
function relocate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocate)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === '$ref' && typeof part === 'string'
        ? part.replace('#/$defs/', '#/components/schemas/')
        : relocate(part),
    ]),
  )
}
