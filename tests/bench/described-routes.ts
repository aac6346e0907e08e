import * as z from 'zod'
import { routes } from '#shared/contracts/index.ts'
import { routeFolder, type Route } from '#shared/contracts/route.ts'
import {
  isObject,
  list,
  object,
  operations,
  resolved,
  type Json,
  type Obj,
} from '#tests/support/openapi.ts'

// Where the description shows nothing.
const someBytes = 'some bytes'

/** A route with a request that asks for it and what is answered, as its description shows both. */
export type DescribedRoute = {
  contract: Route
  /** Path and query. */
  target: string
  type?: string
  body?: string
  /** What a handler gives back: text where the contract names a media type. */
  answer: unknown
}

/** Every route, called with all the parameters it has. */
export const describedRoutes: DescribedRoute[] = routes.map((contract) => {
  const found = operations.find(
    ({ operation }) => operation['operationId'] === routeFolder(contract),
  )
  const operation = object(found?.operation)
  const responses = object(operation['responses'])
  return {
    contract,
    target: targetOf(contract, operation),
    ...bodyOf(operation),
    answer: shown(responses[contract.status ?? 200])?.value,
  }
})

function targetOf({ path }: Route, operation: Obj): string {
  const given = (where: string) =>
    list(operation['parameters'])
      .map(object)
      .filter((parameter) => parameter['in'] === where)
      .map(({ name, example }) => [String(name), [example].flat().map(String)] as const)
  const params = new Map(given('path'))
  const query = given('query').flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  )
  const own = path.replace(/:(\w+)/g, (_, name: string) => params.get(name)?.[0] ?? '')
  return query.length > 0 ? `${own}?${new URLSearchParams(query)}` : own
}

function bodyOf(operation: Obj): { type?: string; body?: string } {
  const body = shown(operation['requestBody'])
  if (!body) return {}
  const { type, value } = body
  return { type, body: type === 'application/json' ? JSON.stringify(value) : String(value) }
}

/** The first media type of a body, and its first example; undefined when there is no body. */
function shown(holder: Json | undefined): { type: string; value: unknown } | undefined {
  if (!isObject(holder) || !isObject(holder['content'])) return undefined
  const [type = '', media] = Object.entries(holder['content'])[0] ?? []
  const [example] = Object.values(object(object(media)['examples'] ?? {}))
  return { type, value: example ? object(resolved(example))['value'] : someBytes }
}

/** What a schema says to others that check by it. */
export const asJsonSchema = (schema: z.ZodType, io: 'input' | 'output'): object =>
  z.toJSONSchema(schema, { io, target: 'draft-7', unrepresentable: 'any' })
