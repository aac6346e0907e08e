import * as z from 'zod'
import type { Role } from '#shared/domain/role.ts'
import type { ProblemCode } from './problems.ts'

/** An answer that says more than its body does. */
export type AnswerSpec = {
  /** When it is this one, where there is another success. */
  when?: string
  /** What always comes with it, and what that says. */
  headers?: Readonly<Record<string, string>>
  /** The same of what comes with it now and then. */
  maybe?: Readonly<Record<string, string>>
}

export type RouteSpec = {
  method: 'get' | 'post' | 'put' | 'delete'
  /** Below the root, with `:name` for parameters. */
  path: `/api/${string}` | '/metrics'
  summary: string
  /** The least that who calls it has to be. */
  role: Role
  /** Answered by the gateway itself, to everybody. */
  open?: true
  /**
   * The answer has no end of its own, always or with this word in the query: who listens is looked at again and again, and cut off when
   * they may not call the route any more.
   */
  endless?: true | 'follow'
  params?: z.ZodObject
  /** Array properties are repeated parameters; of others the first counts, and an empty one is absent. */
  query?: z.ZodObject
  /** Headers of the request that mean something here, besides those that do everywhere. */
  headers?: Readonly<Record<string, string>>
  /** A JSON schema of the body, or the media type of a body that is streamed. */
  body?: z.ZodType | MediaType
  /** Another media type that a streamed body may have. */
  alsoBody?: MediaType
  /** A streamed body may come in parts, by the headers `uploadHeaders`. */
  parts?: true
  /** The body is read as JSON whatever its content type says; otherwise that has to be application/json. */
  anyType?: true
  /** Schema of the JSON answer (`z.void()`: an empty one), or the media type of an answer that is streamed. */
  response: z.ZodType | MediaType
  /** Another form of the answer, for who asks for that. */
  also?: MediaType
  /** The status of success; 200 unless given. */
  status?: 204
  /** By their status, answers with headers that mean something, and successes besides the usual one. */
  answers?: Readonly<Record<number, AnswerSpec>>
  problems: readonly ProblemCode[]
  /** Where clients know another reason of a problem from this route than from all others. */
  reasons?: Partial<Record<ProblemCode, string>>
}
export type MediaType = `${string}/${string}`

/** A route contract. `name` is resource.verb: its folder, service and operation id are derived from it. */
export type Route<S extends RouteSpec = RouteSpec> = S & { name: string }

/** Keeps the exact type of a route while it is checked. */
export const route = <const S extends RouteSpec>(spec: () => S): (() => S) => spec

type Specs = Record<string, () => RouteSpec>
type Routes<R extends Specs> = { readonly [K in keyof R]: Route<ReturnType<R[K]>> }

/** The routes of one resource, each with its name. One is made when it is first asked for, as schemas take time to make. */
export function resource<const R extends Specs>(name: string, specs: R): Routes<R> {
  const routes = Object.entries(specs).map(([verb, spec]) => {
    let made: Route | undefined
    const get = () => (made ??= { ...spec(), name: `${name}.${verb}` })
    return [verb, { get, enumerable: true }] as const
  })
  return Object.defineProperties({} as Routes<R>, Object.fromEntries(routes))
}

/** What a caller puts in a request that changes something, to ask again when the answer was lost: done once, answered alike. */
export const idempotencyHeader = 'Idempotency-Key'

/** With it a download says the digest of the tree that was stored, which is that of the tree that is unpacked. */
export const digestHeader = 'Knit-Content-Digest'

/**
 * How a body comes in parts, by the names of draft-ietf-httpbis-resumable-upload; which upload it is, the key of the request says. An
 * answer to a part tells the offset, and the MD5 of what has come.
 */
export const uploadHeaders = {
  /** How many bytes came before. */
  offset: 'Upload-Offset',
  /** `?0`: there are more to come. */
  complete: 'Upload-Complete',
  md5: 'X-Checksum-MD5',
} as const

/** With it OPTIONS says that a body may come in parts: `min-size=0` is that they may be of any size. */
export const partsHeader = 'Upload-Limit'

/** True for routes that change something. */
export const isWrite = ({ method }: Pick<RouteSpec, 'method'>): boolean => method !== 'get'

/** `runs.show` -> `runs-show`: the folder below `functions/api/` and the operation id. */
export const routeFolder = (contract: { name: string }): string => contract.name.replace('.', '-')

export type ParamsOf<S extends RouteSpec> = S['params'] extends z.ZodType
  ? z.output<S['params']>
  : object
export type QueryOf<S extends RouteSpec> = S['query'] extends z.ZodType
  ? z.output<S['query']>
  : object
export type BodyOf<S extends RouteSpec> = S['body'] extends z.ZodType
  ? z.output<S['body']>
  : undefined
export type ResponseOf<S extends RouteSpec> = S['response'] extends z.ZodType
  ? z.output<S['response']>
  : Response

/** What a client gives for a route, before validation. */
export type RequestOf<S extends RouteSpec> = (S['params'] extends z.ZodType
  ? z.input<S['params']>
  : object) &
  (S['query'] extends z.ZodType ? Partial<z.input<S['query']>> : object) & {
    body?: S['body'] extends z.ZodType ? z.input<S['body']> : unknown
  }

/** A query parameter that holds a list separated by commas. */
export const commaList = <T extends z.ZodType<unknown, string>>(item: T) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(item))
