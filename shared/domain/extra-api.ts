import { Invalid } from './invalid.ts'
import { faultOfUrl, withoutUser } from './outside-url.ts'

/** Requests for `path`, and for all below it, are passed on to `target`. */
export type ExtraApi = { path: string; target: string }

const own = ['/api', '/healthz', '/readyz', '/metrics']

/** Reads `PATH=URL`, as an admin writes it. Throws `Invalid`. */
export function readExtraApi(text: string): ExtraApi {
  const equals = text.indexOf('=')
  const path = text.slice(0, Math.max(equals, 0))
  const target = text.slice(equals + 1)
  const fault = faultOfPath(path) ?? faultOfUrl(target)
  if (fault !== undefined) throw new Invalid('bad extra API', `"${withoutUser(text)}" ${fault}`)
  return { path, target }
}

function faultOfPath(path: string): string | undefined {
  if (!path.startsWith('/')) return 'is no extra API; write it as /PATH=http://HOST/BASE'
  const parts = path.slice(1).split('/')
  // What is not as a browser would send it could never be asked for.
  if (parts.some((part) => !/^[A-Za-z0-9._~-]+$/.test(part) || /^\.\.?$/.test(part)))
    return `has a path that is not clean: "${path}"`
  if (own.some((one) => path === one || path.startsWith(`${one}/`)))
    return `has a path that is ours: "${path}"`
  return undefined
}

/**
 * The one that serves a path, the longest first, and what is asked of it: that always ends with a slash. Undefined for paths of
 * nobody, and for such as another server could read as leading out of where it is.
 */
export function findExtraApi(
  apis: readonly ExtraApi[],
  { pathname, search }: Pick<URL, 'pathname' | 'search'>,
): { api: ExtraApi; url: URL } | undefined {
  const [api] = apis
    .filter(({ path }) => pathname === path || pathname.startsWith(`${path}/`))
    .toSorted((a, b) => b.path.length - a.path.length)
  if (!api || /%(2f|5c|00|2e)|[\\;]/i.test(pathname)) return undefined
  const url = new URL(api.target)
  const rest = pathname.slice(api.path.length)
  url.pathname = `${url.pathname}/${rest}/`.replace(/\/{2,}/g, '/')
  url.search = search
  return { api, url }
}
