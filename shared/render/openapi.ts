import * as z from 'zod'
import { problems, type ProblemCode } from '#shared/contracts/problems.ts'
import {
  idempotencyHeader,
  isWrite,
  routeFolder,
  type MediaType,
  type Route,
} from '#shared/contracts/route.ts'
import {
  exampleOf,
  examples,
  headerExamples,
  ownExampleOf,
  parameterExampleOf,
  problemExampleOf,
  textExamples,
} from './examples.ts'

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
        'Tagging data is the pipeline: data that fits the inputs of a plan starts a run. JSON is indented for who adds `pretty` to the query; who accepts application/problem+json is told errors as problem details.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    security: [{ token: [] }],
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A token that an administrator has made, the one of the settings, or one of the provider that /api/auth names.',
        },
      },
      headers,
      schemas: { ...components(routes), ...errors },
      examples: { ...things(routes), ...failures(), ...ownFailures(routes) },
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
      ...parameters(route, 'params'),
      ...parameters(route, 'query'),
      ...Object.entries(route.headers ?? {}).map(([name, description]) => ({
        name,
        in: 'header',
        description,
        schema: { type: 'string' },
        example: parameterExampleOf(route, name),
      })),
      ...(isWrite(route) ? [keyParameter] : []),
    ],
    ...(route.body && {
      requestBody: {
        required: isNeeded(route.body),
        content: {
          ...content(route.body, 'input'),
          ...(route.alsoBody && content(route.alsoBody, 'input')),
        },
      },
    }),
    responses: { ...successes(route), ...refusals(route) },
  }
}

/** The usual answer, and what else may be one. */
function successes(route: Route): Json {
  const others = Object.keys(route.answers ?? {}).filter((status) => Number(status) < 300)
  return Object.fromEntries(
    [...new Set([route.status ?? 200, ...others.map(Number)])].map((status) => [
      status,
      {
        description: route.answers?.[status]?.when ?? 'Done.',
        ...headersWith(route, status),
        ...(!(route.response instanceof z.ZodVoid) &&
          status !== 204 && {
            content: {
              ...content(route.response, 'output'),
              ...(route.also && content(route.also, 'output')),
            },
          }),
      },
    ]),
  )
}

/** What comes with an answer of a route. */
function headersWith({ answers }: Route, status: number): Json {
  const { headers: always = {}, maybe = {} } = answers?.[status] ?? {}
  const own = Object.entries({ ...always, ...maybe }).map(([name, description]) => [
    name,
    {
      description,
      ...(name in always && { required: true }),
      schema: { type: 'string' },
      example: headerExamples[name],
    },
  ])
  const all = { ...headersOf(status), ...(Object.fromEntries(own) as Json) }
  return Object.keys(all).length > 0 ? { headers: all } : {}
}

const keyParameter: Json = {
  name: idempotencyHeader,
  in: 'header',
  description:
    'Any text of your choice, new for each request. Asked again with the same one, the request has no second effect and the answer of the first.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  example: '5f1c2f0e-8f0a-4d3b-9a53-2f6d3f3b7a10',
}

function parameters(route: Route, where: 'params' | 'query'): Json[] {
  return Object.entries(route[where]?.shape ?? {}).map(([name, property]) => {
    const schema = property as z.ZodType
    const { description, ...json } = jsonSchema(schema, 'input')
    const example = parameterExampleOf(route, name)
    const isArray = json['type'] === 'array'
    return {
      name,
      in: where === 'params' ? 'path' : where,
      ...(isNeeded(schema) && { required: true }),
      ...(description !== undefined && { description }),
      schema: json,
      ...(isArray && { style: 'form', explode: true }),
      ...(example !== undefined && { example }),
    }
  })
}

const isNeeded = (schema: z.ZodType | MediaType): boolean =>
  typeof schema === 'string' || !schema.safeParse(undefined).success

function content(body: z.ZodType | MediaType, io: 'input' | 'output'): Json {
  if (typeof body === 'string') return { [body]: streamed(body) }
  const name = exampleName(body)
  return {
    'application/json': {
      schema: jsonSchema(body, io),
      ...(name !== undefined && { examples: referTo([name]) }),
    },
  }
}

/** What is no JSON: text, with an example of it, or any bytes. */
function streamed(type: MediaType): Json {
  const example = textExamples[type]
  const schema = { type: 'string', contentMediaType: type }
  return example === undefined
    ? { schema: { ...schema, format: 'binary' } }
    : { schema, examples: { text: { value: example } } }
}

/** Where the example of a schema is, or that of a list of it. */
function exampleName(schema: z.ZodType): string | undefined {
  if (!(schema instanceof z.ZodArray)) return schema.meta()?.id
  const id = (schema.element as z.ZodType).meta()?.id
  return id && `${id}.list`
}

/** What is sent and answered as JSON, by the names of their schemas. */
function things(routes: readonly Route[]): Json {
  const names = routes
    .flatMap(({ body, response }) => [body, response])
    .flatMap((schema) => (schema instanceof z.ZodType ? (exampleName(schema) ?? []) : []))
  return Object.fromEntries(
    [...new Set(names)].sort().map((name) => {
      const one = examples[name.replace(/\.list$/, '')]
      return [name, { value: name.endsWith('.list') ? [one] : one }]
    }),
  )
}

/** Every planned failure of a route, by status. */
function refusals(route: Route): Json {
  const codes = [
    ...new Set([
      ...route.problems,
      ...(route.open ? [] : (['unauthorized', 'forbidden'] as const)),
      ...(isWrite(route) ? (['key-refused'] as const) : []),
      'too-many-requests',
      'unexpected',
      'too-slow',
      'unavailable',
    ] as const),
  ]
  const byStatus = Map.groupBy(codes, (code) => problems[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `${code}: ${problems[code].title}`).join('; '),
        ...headersWith(route, status),
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/ApiError' },
            examples: { ...referTo(same), ...referToOwn(route, same) },
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

const referTo = (names: readonly string[], form = ''): Json =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/examples/${name}${form}` }]))

/** Failures of which a route says another reason than all others do. */
const ownFailures = (routes: readonly Route[]): Json =>
  Object.fromEntries(
    routes.flatMap((route) =>
      reasonsOf(route).map(([code, reason]) => [
        `${routeFolder(route)}.${code}`,
        { value: ownExampleOf(routeFolder(route), code, reason) },
      ]),
    ),
  )

const referToOwn = (route: Route, codes: readonly ProblemCode[]): Json =>
  Object.fromEntries(
    reasonsOf(route)
      .filter(([code]) => codes.includes(code))
      .map(([code]) => [code, { $ref: `#/components/examples/${routeFolder(route)}.${code}` }]),
  )

const reasonsOf = ({ reasons = {} }: Route) => Object.entries(reasons) as [ProblemCode, string][]

const headers: Json = {
  'X-Request-Id': {
    description: 'What to look for in the log.',
    required: true,
    schema: { type: 'string' },
    example: headerExamples['X-Request-Id'],
  },
  'Retry-After': {
    description: 'Seconds after which asking again may help.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
    example: 3,
  },
  'WWW-Authenticate': {
    description: 'That a token is needed, or that the one that was sent is none.',
    required: true,
    schema: { type: 'string' },
    example: 'Bearer error="invalid_token"',
  },
}

const also = (name: string): Json => ({ [name]: { $ref: `#/components/headers/${name}` } })

/** What comes with an answer of a status, whatever the route. */
const headersOf = (status: number): Json => ({
  ...(status >= 400 && also('X-Request-Id')),
  ...(status === 401 && also('WWW-Authenticate')),
  ...([429, 503].includes(status) && also('Retry-After')),
})

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
