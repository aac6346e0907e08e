import { expect, test } from 'vitest'
import * as z from 'zod'
import { openRoutes, routes } from '#shared/contracts/index.ts'
import { problems, type ProblemCode } from '#shared/contracts/problems.ts'
import { isWrite, routeFolder } from '#shared/contracts/route.ts'
import { examples } from '#shared/render/examples.ts'
import { routeFunctions } from '../functions.generated.ts'
import openapi from './openapi.generated.json' with { type: 'json' }

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Obj = { [key: string]: Json }

const document = openapi as unknown as Obj
const isObject = (value: Json | undefined): value is Obj =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const object = (value: Json | undefined): Obj => {
  if (!isObject(value)) throw new Error(`expected an object, not ${JSON.stringify(value)}`)
  return value
}
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : [])

const operations = Object.entries(object(document['paths'])).flatMap(([path, item]) =>
  Object.entries(object(item)).map(([method, operation]) => ({
    path,
    method,
    operation: object(operation),
  })),
)

/** Everything in the document that is an object, with where it is. */
function* objectsIn(value: Json, at = '#'): Generator<[string, Obj]> {
  if (Array.isArray(value))
    for (const [i, item] of value.entries()) yield* objectsIn(item, `${at}/${i}`)
  if (!isObject(value)) return
  yield [at, value]
  for (const [key, item] of Object.entries(value)) yield* objectsIn(item, `${at}/${key}`)
}

function resolve(ref: string): Json | undefined {
  const names = ref.slice(2).split('/')
  return names.reduce<Json | undefined>((value, name) => object(value)[name], document)
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

test('the head is that of an OpenAPI 3.1 document', () => {
  expect(document['openapi']).toMatch(/^3\.1\.\d+$/)
  const keys = [
    'openapi',
    'info',
    'jsonSchemaDialect',
    'servers',
    'paths',
    'webhooks',
    'components',
    'security',
    'tags',
    'externalDocs',
  ]
  expect(keys).toEqual(expect.arrayContaining(Object.keys(document)))
  expect(object(document['info'])).toMatchObject({
    title: expect.any(String),
    version: expect.any(String),
  })
  for (const server of list(document['servers'])) expect(object(server)['url']).toBeTypeOf('string')
  for (const name of Object.keys(object(object(document['components'])['schemas'])))
    expect(name).toMatch(/^[a-zA-Z0-9._-]+$/)
})

test('every reference leads to something, and every schema is referred to', () => {
  const refs = [...objectsIn(document)].flatMap(([, { $ref }]) =>
    typeof $ref === 'string' ? [$ref] : [],
  )
  expect(refs.length).toBeGreaterThan(20)
  for (const ref of refs) {
    expect(ref).toMatch(/^#\/components\/(schemas|examples)\//)
    expect(resolve(ref), ref).toBeDefined()
  }
  const schemas = Object.keys(object(object(document['components'])['schemas']))
  for (const name of schemas) {
    const schema = object(resolve(`#/components/schemas/${name}`))
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
      'unavailable',
    ] as const
    const statuses = codes.map((code) => String(problems[code].status))
    expect(Object.keys(responses).sort()).toEqual(
      [...new Set([String(route.status ?? 200), ...statuses])].sort(),
    )
    for (const code of codes)
      expect(object(responses[problems[code].status])['description']).toContain(code)
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

test('what things look like is shown as they are: by their own schemas', () => {
  const schemas = new Map<string, z.ZodType>()
  for (const { body, response } of routes)
    for (const schema of [body, response instanceof z.ZodArray ? response.element : response])
      if (schema instanceof z.ZodType) schemas.set(schema.meta()?.id ?? '', schema)
  for (const [name, example] of Object.entries(examples)) {
    const { success, error } = schemas.get(name)?.safeParse(example) ?? {}
    expect({ name, success, error }).toEqual({ name, success: true, error: undefined })
    expect(object(resolve(`#/components/schemas/${name}`))['examples']).toEqual([example])
  }
  // Whatever is sent has an example.
  const sent = routes.flatMap(({ body }) =>
    body instanceof z.ZodType ? (body.meta()?.id ?? []) : [],
  )
  expect(Object.keys(examples)).toEqual(expect.arrayContaining(sent))
})

test('every failure is shown in both forms, by its code', () => {
  for (const { operation } of operations)
    for (const [status, answer] of Object.entries(object(operation['responses']))) {
      if (Number(status) < 400) continue
      for (const media of Object.values(object(object(answer)['content']))) {
        const shown = object(object(media)['examples'])
        for (const [code, reference] of Object.entries(shown)) {
          expect(problems[code as ProblemCode]).toMatchObject({ status: Number(status) })
          const { value } = object(resolve(String(object(reference)['$ref'])))
          expect(object(value)['message'] ?? object(value)['code']).toBeTypeOf('string')
        }
        expect(Object.keys(shown).length).toBeGreaterThan(0)
      }
    }
})
