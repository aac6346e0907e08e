import { expect } from 'vitest'
import { faults, isObject, lookUp, object, operations, resolved } from './openapi.ts'

/** Which operations have been asked for, and which of them have answered with a success. */
export type Coverage = { asked: Set<string>; served: Set<string> }

/**
 * Asks as `fetch` does, and compares each answer with what the description says of it: status, headers, type and body. `between`:
 * headers that others add who are in between.
 */
export function fetchAsDescribed(
  { asked, served }: Coverage,
  between: readonly string[] = [],
): typeof fetch {
  return async (input, init = {}) => {
    const { method = 'GET' } = init
    const { pathname } = new URL(String(input))
    const { path, id } = operationAt(method, pathname)
    const answer = await fetch(input, init)
    asked.add(id)
    if (answer.ok) served.add(id)
    const place = ['paths', path, method.toLowerCase(), 'responses', String(answer.status)]
    await compare(answer, `${id} ${answer.status}`, place, between)
    return answer
  }
}

function operationAt(method: string, pathname: string): { path: string; id: string } {
  const found = operations.find(
    ({ method: own, path }) =>
      own === method.toLowerCase() &&
      new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  )
  if (!found) throw new Error(`${method} ${pathname} is not described`)
  return { path: found.path, id: String(found.operation['operationId']) }
}

/** What any answer may have, which says nothing of this API. */
const ofAll = [
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
  'x-content-type-options',
]

async function compare(
  answer: Response,
  what: string,
  place: string[],
  between: readonly string[],
): Promise<void> {
  const described = lookUp(...place)
  if (!isObject(described)) throw new Error(`${what} is not described: ${await answer.text()}`)
  const { headers = {}, content } = described
  const named = Object.entries(object(headers))
  for (const [name, header] of named)
    if (object(resolved(header))['required'] === true)
      expect(answer.headers.has(name), `${what} has ${name}`).toBe(true)
  const known = new Set([...ofAll, ...between, ...named.map(([name]) => name.toLowerCase())])
  expect(
    [...answer.headers.keys()].filter((name) => !known.has(name)),
    what,
  ).toEqual([])
  if (!isObject(content)) return expect(await answer.clone().text(), what).toBe('')
  const type = answer.headers.get('content-type') ?? ''
  expect(Object.keys(content), what).toContain(type)
  if (!type.endsWith('json')) return
  const body = (await answer.clone().json()) as unknown
  expect(faults(body, ...place, 'content', type, 'schema'), what).toEqual([])
}
