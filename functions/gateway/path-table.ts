import type { Route } from '#shared/contracts/route.ts'

/** A path as its segments (parameters are undefined), with the route of each method. */
type Entry = { segments: (string | undefined)[]; methods: Map<string, Route> }
export type PathTable = Entry[]

/** The path table of routes: which methods there are at each path. */
export function pathTable(routes: readonly Route[]): PathTable {
  const byPath = Map.groupBy(routes, ({ path }) => path)
  return [...byPath].map(([path, own]) => ({
    segments: split(path).map((segment) => (segment.startsWith(':') ? undefined : segment)),
    methods: new Map(own.map((route) => [route.method.toUpperCase(), route])),
  }))
}

export type Found =
  | { kind: 'route'; route: Route }
  | { kind: 'options'; allow: string }
  | { kind: 'method'; allow: string }
  | { kind: 'absent' }

/** What is at a path, for a method. One trailing slash makes no difference; an encoded one is no separator. */
export function findRoute(table: PathTable, method: string, pathname: string): Found {
  const given = split(pathname.endsWith('/') ? pathname.slice(0, -1) : pathname)
  const entry = table.find(
    ({ segments }) =>
      segments.length === given.length &&
      segments.every((segment, index) => segment === undefined || segment === given[index]),
  )
  if (!entry || given.some((segment) => /%2f|%5c/i.test(segment))) return { kind: 'absent' }
  const allow = [...new Set(['OPTIONS', ...entry.methods.keys()])].sort().join(', ')
  const route = entry.methods.get(method)
  if (route) return { kind: 'route', route }
  return method === 'OPTIONS' ? { kind: 'options', allow } : { kind: 'method', allow }
}

const split = (path: string): string[] => path.split('/').slice(1)
