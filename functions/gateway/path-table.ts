import { partsHeader, type Route } from '#shared/contracts/route.ts'

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
  | { kind: 'options'; headers: Record<string, string> }
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
  if (method !== 'OPTIONS') return { kind: 'method', allow }
  return { kind: 'options', headers: { allow, ...takenBy(entry.methods.get('POST')) } }
}

/** What a POST may send, where that is more than JSON: clients of the reference ask for nothing of it. */
function takenBy(route: Route | undefined): Record<string, string> {
  if (typeof route?.body !== 'string') return {}
  return {
    'accept-post': [route.body, route.alsoBody].filter(Boolean).join(', '),
    ...(route.parts && { [partsHeader.toLowerCase()]: 'min-size=0' }),
  }
}

const split = (path: string): string[] => path.split('/').slice(1)
