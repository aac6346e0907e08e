import { test as base, expect } from 'vitest'
import { knownMessage, problems, type ProblemCode } from '#shared/contracts/problems.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import { cloneDatabase } from './database.ts'
import { call, makeWorld, type CallOptions, type TestWorld } from './world.ts'

/** A test of a route. All tests of a file share one world, so each makes what is its own. */
export const test = base.extend<{ $file: { ctx: TestWorld } }>({
  ctx: [
    async ({}, use) => {
      const database = await cloneDatabase()
      await use(makeWorld(database.sql))
      await database.drop()
    },
    { scope: 'file' },
  ],
})

export type Answer<T = unknown> = { status: number; headers: Headers; text: string; body: T }

/** What a route answers, with its JSON read. */
export async function ask<T = unknown>(
  fn: RouteFunction,
  world: TestWorld,
  path: string,
  options: CallOptions = {},
): Promise<Answer<T>> {
  return read<T>(await call(fn, world, path, options))
}

async function read<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) as T }
}

/** The body of an answer that must be a success in the form of every JSON answer. */
export async function answer<T = unknown>(
  fn: RouteFunction,
  world: TestWorld,
  path: string,
  options: CallOptions = {},
): Promise<T> {
  const { status, headers, text, body } = await ask<T>(fn, world, path, options)
  expect({ status, text }).toMatchObject({ status: 200 })
  expect(headers.get('content-type')).toBe('application/json')
  expect(text).toBe(`${escaped(JSON.stringify(body))}\n`)
  return body
}

const escaped = (text: string): string =>
  text
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')

// What any route may answer, whatever its contract says.
const always: ProblemCode[] = [
  'unauthorized',
  'forbidden',
  'key-refused',
  'unexpected',
  'too-slow',
  'unavailable',
]

/** Asserts that a route refuses a request, in both forms of an error; gives back what it says. */
export async function refusal(
  fn: RouteFunction,
  world: TestWorld,
  path: string,
  code: ProblemCode,
  options: CallOptions = {},
): Promise<string> {
  expect([...fn.contract.problems, ...always]).toContain(code)
  const { status, title } = problems[code]
  const opening = knownMessage(code, '', fn.contract.reasons?.[code])
  const plain = await ask<{ message: string }>(fn, world, path, options)
  expect({ status: plain.status, text: plain.text }).toMatchObject({ status })
  expect(plain.headers.get('content-type')).toBe('application/json')
  expect(Object.keys(plain.body)).toEqual(['message'])
  expect(plain.body.message.slice(0, opening.length)).toBe(opening)
  expect(plain.text).toBe(`${escaped(JSON.stringify(plain.body))}\n`)
  const detail = plain.body.message.slice(opening.length)
  expect(detail).not.toMatch(/caused by|\.ts\b|\bat \/|select |insert |PostgresError/)

  const headers = { ...options.headers, accept: 'application/problem+json' }
  const problem = await ask<{ requestId: string }>(fn, world, path, { ...options, headers })
  expect(problem.status).toBe(status)
  expect(problem.headers.get('content-type')).toBe('application/problem+json')
  const type = `urn:knitfab:problem:${code}`
  const { requestId } = problem.body
  expect(problem.body).toEqual({ type, title, status, detail, code, requestId })
  expect(problem.headers.get('x-request-id')).toBe(requestId)
  expect(problem.text.endsWith('}\n')).toBe(true)
  return detail
}
