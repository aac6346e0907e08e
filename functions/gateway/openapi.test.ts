import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { openRoutes, routes } from '#shared/contracts/index.ts'
import { problems, type ProblemCode } from '#shared/contracts/problems.ts'
import { isWrite, routeFolder } from '#shared/contracts/route.ts'
import { examples } from '#shared/render/examples.ts'
import {
  document,
  faults,
  isObject,
  list,
  lookUp,
  object,
  operations,
  resolved,
  type Json,
  type Obj,
} from '#tests/support/openapi.ts'
import { routeFunctions } from '../functions.generated.ts'
/** Everything in the document that is an object, with where it is. */
function* objectsIn(value: Json, at = '#'): Generator<[string, Obj]> {
  if (Array.isArray(value))
    for (const [i, item] of value.entries()) yield* objectsIn(item, `${at}/${i}`)
  if (!isObject(value)) return
  yield [at, value]
  for (const [key, item] of Object.entries(value)) yield* objectsIn(item, `${at}/${key}`)
}

test('every route is there, under its name, and nothing else', () => {
  const told = [...routes, ...openRoutes]
  const expected = told.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(expected.sort())
  const ids = operations.map(({ operation }) => operation['operationId'])
  expect(ids.toSorted()).toEqual(told.map(routeFolder).sort())
  expect(routeFunctions.map(({ name }) => name).sort()).toEqual(
    routes.map(({ name }) => name).sort(),
  )
})

test('a validator of others finds it to be an OpenAPI 3.1 document', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document))
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined })
  expect(validator.version).toBe('3.1')
})

test('every reference leads to something, and every schema is referred to', () => {
  const refs = [...objectsIn(document)].flatMap(([, { $ref }]) =>
    typeof $ref === 'string' ? [$ref] : [],
  )
  expect(refs.length).toBeGreaterThan(20)
  for (const ref of refs) {
    expect(ref).toMatch(/^#\/components\/(schemas|examples|headers)\//)
    expect(resolved({ $ref: ref }), ref).toBeDefined()
  }
  const schemas = Object.keys(object(object(document['components'])['schemas']))
  for (const name of schemas) {
    const schema = object(lookUp('components', 'schemas', name))
    expect(schema['type'] ?? schema['anyOf'], name).toBeDefined()
  }
  expect(schemas.filter((name) => !refs.includes(`#/components/schemas/${name}`))).toEqual([])
})

test('each path has exactly the parameters it names, and no parameter comes twice', () => {
  for (const { path, operation } of operations) {
    expect(path).toMatch(/^\/api(\/[a-z]+|\/\{\w+\})+$/)
    const parameters = list(operation['parameters']).map(object)
    const own = parameters.map((one) => `${String(one['in'])} ${String(one['name'])}`)
    expect(new Set(own).size).toBe(own.length)
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => `path ${name}`)
    expect(own.filter((one) => one.startsWith('path '))).toEqual(named)
    for (const one of parameters) {
      expect(['path', 'query', 'header', 'cookie']).toContain(one['in'])
      if (one['in'] === 'path') expect(one['required']).toBe(true)
      expect(isObject(one['schema'])).toBe(true)
      expect(one['description']).toBeTypeOf('string')
    }
  }
})

test('operations have unique ids, summaries, a body where they take one, and answers', () => {
  const keys = [
    'tags',
    'summary',
    'description',
    'externalDocs',
    'operationId',
    'parameters',
    'requestBody',
    'responses',
    'callbacks',
    'deprecated',
    'security',
    'servers',
  ]
  const ids = operations.map(({ operation }) => operation['operationId'])
  expect(new Set(ids).size).toBe(ids.length)
  for (const { method, operation } of operations) {
    expect(['get', 'put', 'post', 'delete']).toContain(method)
    expect(keys).toEqual(expect.arrayContaining(Object.keys(operation)))
    expect(operation['summary']).toMatch(/\.$/)
    if (method === 'get' || method === 'delete') expect(operation).not.toHaveProperty('requestBody')
    const bodies = operation['requestBody'] === undefined ? [] : [object(operation['requestBody'])]
    for (const answer of Object.values(object(operation['responses']))) {
      expect(object(answer)['description']).toBeTypeOf('string')
      // What answers nothing has no body.
      if (object(answer)['content'] !== undefined) bodies.push(object(answer))
    }
    for (const body of bodies)
      for (const [type, media] of Object.entries(object(body['content']))) {
        expect(type).toMatch(/^[a-z]+\/[a-z+.-]+$/)
        expect(isObject(object(media)['schema'])).toBe(true)
      }
  }
})

test('every planned failure of a route is among its answers, by status', () => {
  for (const route of routes) {
    const found = operations.find(
      ({ operation }) => operation['operationId'] === routeFolder(route),
    )
    const responses = object(found?.operation['responses'])
    const codes = [
      ...route.problems,
      ...(isWrite(route) ? (['key-refused'] as const) : []),
      'unauthorized',
      'forbidden',
      'too-many-requests',
      'unexpected',
      'too-slow',
      'unavailable',
    ] as const
    const statuses = codes.map((code) => String(problems[code].status))
    const others = Object.keys(route.answers ?? {})
    expect(Object.keys(responses).sort()).toEqual(
      [...new Set([String(route.status ?? 200), ...others, ...statuses])].sort(),
    )
    for (const code of codes)
      expect(object(responses[problems[code].status])['description']).toContain(code)
  }
})

test('what comes with an answer is told, with an example, and whether it always does', () => {
  for (const { path, method, operation } of operations) {
    const route = [...routes, ...openRoutes].find(
      (one) => operation['operationId'] === routeFolder(one),
    )
    for (const [status, { headers = {}, maybe = {} }] of Object.entries(route?.answers ?? {})) {
      const told = object(lookUp('paths', path, method, 'responses', status, 'headers'))
      for (const name of Object.keys({ ...headers, ...maybe }))
        expect(told[name]).toMatchObject({
          description: expect.stringMatching(/./),
          example: expect.stringMatching(/./),
        })
      const isAlways = (name: string) => object(resolved(told[name]))['required'] === true
      expect(Object.keys(headers).filter((name) => !isAlways(name))).toEqual([])
      expect(Object.keys(maybe).filter(isAlways)).toEqual([])
    }
  }
})

test('a request that changes something may have a key, and no other', () => {
  for (const route of routes) {
    const found = operations.find(
      ({ operation }) => operation['operationId'] === routeFolder(route),
    )
    const parameters = found?.operation['parameters'] as { name: string; in: string }[]
    const keys = parameters.filter((one) => one.name === 'Idempotency-Key' && one.in === 'header')
    expect(keys).toHaveLength(isWrite(route) ? 1 : 0)
  }
})

test('schemas are JSON Schema 2020-12: known types, required properties that exist, no leftovers', () => {
  const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']
  for (const [at, one] of objectsIn(document)) {
    if (!at.includes('/schema') || /\/(properties|schemas)$|\/examples\//.test(at)) continue
    for (const left of ['nullable', '$schema', '$defs', 'id'])
      expect(one, at).not.toHaveProperty(left)
    const { type, required, items, properties, $ref, pattern } = one
    if (type !== undefined && !isObject(type))
      for (const name of [type].flat()) expect(types, at).toContain(name)
    if (type === 'array') expect(isObject(items), at).toBe(true)
    if ($ref !== undefined && !isObject($ref))
      expect(['$ref', 'description'], at).toEqual(expect.arrayContaining(Object.keys(one)))
    if (Array.isArray(required))
      expect(Object.keys(object(properties)), at).toEqual(expect.arrayContaining(required))
    if (typeof pattern === 'string') expect(() => new RegExp(pattern), at).not.toThrow()
  }
})

/** Where something is shown what it looks like: its schema, and the examples. */
function* shown(): Generator<{ at: string[]; media: Obj; type?: string }> {
  for (const { path, method, operation } of operations) {
    const own = ['paths', path, method]
    for (const [i, parameter] of list(operation['parameters']).entries())
      yield { at: [...own, 'parameters', String(i)], media: object(parameter) }
    const bodies = [
      ['requestBody'],
      ...Object.keys(object(operation['responses'])).map((status) => ['responses', status]),
    ]
    for (const body of bodies) {
      const content = isObject(lookUp(...own, ...body)) && lookUp(...own, ...body, 'content')
      for (const [type, media] of Object.entries(content ? object(content) : {}))
        yield { at: [...own, ...body, 'content', type], media: object(media), type }
    }
  }
}

const examplesOf = (media: Obj): Json[] =>
  'example' in media
    ? [media['example'] ?? null]
    : Object.values(object(media['examples'] ?? {})).map(
        (example) => object(resolved(example))['value'] ?? null,
      )

test('every parameter, body and answer has examples, but for what is bytes', () => {
  const bare = [...shown()].filter(({ media }) => examplesOf(media).length === 0)
  for (const { media } of bare) expect(media['schema']).toMatchObject({ format: 'binary' })
  expect(new Set(bare.map(({ type }) => type))).toEqual(
    new Set(['application/tar+gzip', 'application/tar+zstd', 'application/octet-stream']),
  )
})

test('every example fits its schema', () => {
  const wrong = [...shown()].flatMap(({ at, media }) =>
    examplesOf(media).flatMap((example) =>
      faults(example, ...at, 'schema').map((fault) => [at.join(' '), fault]),
    ),
  )
  expect(wrong).toEqual([])
})

test('the routes themselves would take and give what is shown of things', () => {
  const schemas = new Map<string, z.ZodType>()
  for (const { body, response } of [...routes, ...openRoutes])
    for (const schema of [body, response instanceof z.ZodArray ? response.element : response])
      if (schema instanceof z.ZodType) schemas.set(schema.meta()?.id ?? '', schema)
  for (const [name, example] of Object.entries(examples)) {
    const { success, error } = schemas.get(name)?.safeParse(example) ?? {}
    expect({ name, success, error }).toEqual({ name, success: true, error: undefined })
  }
})

test('every failure is shown in both forms, by its code, and says what to do', () => {
  for (const { operation } of operations) {
    const { reasons = {} } =
      routes.find((route) => routeFolder(route) === operation['operationId']) ?? {}
    for (const [status, answer] of Object.entries(object(operation['responses']))) {
      if (Number(status) < 400) continue
      const content = object(object(answer)['content'])
      expect(Object.keys(content)).toEqual(['application/json', 'application/problem+json'])
      for (const media of Object.values(content)) {
        const told = Object.entries(object(object(media)['examples']))
        for (const [code, reference] of told) {
          expect(problems[code as ProblemCode]).toMatchObject({ status: Number(status) })
          const { message, detail } = object(object(resolved(reference))['value'])
          expect(String(message ?? detail).length).toBeGreaterThan(20)
          const reason = reasons[code as ProblemCode] ?? problems[code as ProblemCode].reason
          if (message !== undefined) expect(String(message).split('\n')[0]).toBe(reason)
        }
        expect(told.length).toBeGreaterThan(0)
      }
    }
  }
})

test('who reads a body refuses one that is wrong, or too large', () => {
  for (const { body, problems: own } of routes)
    if (body instanceof z.ZodType)
      expect(own).toEqual(expect.arrayContaining(['bad-request', 'too-large']))
})
