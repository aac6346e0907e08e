import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { test as overSocket, send, type Front, type Reply } from '#tests/support/over-socket.ts'
import type { TestWorld } from '#tests/support/world.ts'

/** A request in a line, such as `GET /api/runs`; what is no text is sent as JSON. */
export type Ask = (
  line: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Reply & { json: never }>

/**
 * What clients see of the API: the real gateway and the real functions behind a socket, and a real PostgreSQL. All tests of a
 * file share one world.
 */
export const test = overSocket.extend<{ ask: Ask; world: TestWorld }>({
  ask: async ({ front }, use) => use(askOf(front)),
  world: async ({ front }, use) => use(front.world),
})

const askOf =
  (front: Front): Ask =>
  async (line, body, headers = {}) => {
    const [, method, path] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    if (!method || !path) throw new Error(`"${line}" is no request`)
    const reply = await send(front, {
      method,
      path,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: textOf(body) }),
    })
    return { ...reply, json: jsonIn(reply) as never }
  }

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

const jsonIn = ({ headers, text }: Reply): unknown =>
  headers['content-type'] === 'application/json' && text !== '' ? JSON.parse(text) : undefined

export type Kind = 'DataDetail' | 'PlanDetail' | 'RunDetail'

/** The keys that clients know of each thing, in the order in which they come. */
const keys: Record<Kind, readonly string[]> = {
  DataDetail: ['knitId', 'tags', 'upstream', 'downstreams', 'nomination'],
  PlanDetail: [
    'planId',
    'image',
    'entrypoint',
    'args',
    'name',
    'annotations',
    'inputs',
    'outputs',
    'log',
    'active',
    'on_node',
    'resources',
    'service_account',
  ],
  RunDetail: ['runId', 'status', 'updatedAt', 'exit', 'plan', 'inputs', 'outputs', 'log'],
}

/** Those that are absent when there is nothing to tell. */
const optional: Record<Kind, readonly string[]> = {
  DataDetail: [],
  PlanDetail: [
    'image',
    'entrypoint',
    'args',
    'name',
    'annotations',
    'log',
    'on_node',
    'resources',
    'service_account',
  ],
  RunDetail: ['exit'],
}

/** Asserts that a thing has the keys that are known of its kind, in their order and before any others. */
export function expectKind(thing: object, kind: Kind): void {
  const own = Object.keys(thing)
  const known = keys[kind].filter((key) => own.includes(key))
  expect(own.slice(0, known.length)).toEqual(known)
  const required = keys[kind].filter((key) => !optional[kind].includes(key))
  expect(own).toEqual(expect.arrayContaining(required))
}

/** The one form of an error: an object with a message, which is text that begins with the reason. */
export function expectError(reply: Reply, status: number, reason: string): void {
  expect({ status: reply.status, text: reply.text }).toMatchObject({ status })
  expect(reply.headers['content-type']).toBe('application/json')
  const body = JSON.parse(reply.text) as { message: string }
  expect(Object.keys(body)).toEqual(['message'])
  expect(body.message.split('\n')[0]).toBe(reason)
  expect(body.message).not.toMatch(/caused by|\.ts\b|PostgresError|select |insert /)
}

/** A time as it is shown: in UTC, in milliseconds at most, with a numeric offset. */
export const shownTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?\+00:00$/

/** A tag that nobody else uses, and the same in a URL. */
export function ownTag(): { text: string; query: string } {
  const text = `own:${randomUUID()}`
  return { text, query: `tag=${encodeURIComponent(text)}` }
}

/** Something that looks like an id and is none of anything. */
export const nobody = '0d9fd6f0-0000-4000-8000-000000000000'

let made = 0

/** A plan that can be registered, and differs from all others. */
export function planSpec(changes: object = {}): object {
  made += 1
  return {
    image: `web.test/plan:${made}`,
    inputs: [{ path: '/in', tags: [`web:${made}`] }],
    outputs: [{ path: '/out', tags: [] }],
    ...changes,
  }
}
