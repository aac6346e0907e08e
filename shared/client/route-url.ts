import type { RouteSpec } from '#shared/contracts/route.ts'
import { Invalid } from '#shared/domain/invalid.ts'

/** Where a request goes: `apiRoot` stands for the `/api` that begins the path of every contract. */
export function routeUrl(apiRoot: string, route: RouteSpec, request: object): URL {
  const given = new Map(Object.entries(request))
  const path = route.path
    .slice('/api'.length)
    .replace(/:(\w+)/g, (_, name: string) => segment(String(given.get(name))))
  const url = new URL(apiRoot.replace(/\/+$/, '') + path)
  for (const name of Object.keys(route.query?.shape ?? {}))
    for (const value of [given.get(name)].flat())
      if (value !== undefined) url.searchParams.append(name, String(value))
  return url
}

// URLs have no way to write these: an empty segment or dots would silently ask for something else.
function segment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new Invalid('bad id', `"${id}" is no id`)
  return encodeURIComponent(id)
}
