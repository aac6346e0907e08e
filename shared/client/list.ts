import type { IncomingMessage } from 'node:http'
import type * as z from 'zod'
import type { Route, RouteSpec } from '#shared/contracts/route.ts'
import { notPromised, promised } from './api.ts'
import { headOf, pieces } from './connection.ts'
import { NoArray, valuesOf } from './json-array.ts'

/** A route that finds things. */
export type ListRoute = RouteSpec & { response: z.ZodArray<z.ZodType> }

export type ThingOf<S extends ListRoute> = z.output<S['response']['element']>

/** The things in an answer, one by one as they come, as the contract knows them. Throws `ApiError` for what it does not promise. */
export async function* thingsIn<S extends ListRoute>(
  route: Route<S>,
  answer: IncomingMessage,
): AsyncGenerator<ThingOf<S>> {
  const { status } = headOf(answer)
  const { element } = route.response
  try {
    for await (const value of valuesOf(pieces(answer)))
      yield promised(route, status, element, value) as ThingOf<S>
  } catch (error) {
    const isOther = error instanceof NoArray || error instanceof SyntaxError
    throw isOther ? notPromised(route.name, status, error.message) : error
  }
}
