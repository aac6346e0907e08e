import { expect, test } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import { findRoute, pathTable } from './path-table.ts'

const table = pathTable(routes)
const at = (method: string, path: string) => {
  const found = findRoute(table, method, path)
  return found.kind === 'route' ? found.route.name : found.kind
}

test('every route is found at its path, with a slash at the end and without', () => {
  for (const { name, method, path } of routes) {
    const filled = path.replace(/:\w+/g, '0d9fd6f0-0000-4000-8000-000000000000')
    expect(at(method.toUpperCase(), filled)).toBe(name)
    expect(at(method.toUpperCase(), `${filled}/`)).toBe(name)
  }
})

test('a parameter is one whole segment, whatever is in it but an encoded slash', () => {
  expect(at('GET', '/api/plans/a b:c%20')).toBe('plans.show')
  expect(at('GET', '/api/plans/a/b')).toBe('absent')
  for (const slash of ['%2F', '%2f', '%5C', '%5c'])
    expect(at('GET', `/api/plans/a${slash}b`)).toBe('absent')
})

test('two slashes at the end are an empty parameter', () => {
  expect(at('GET', '/api/plans//')).toBe('plans.show')
  expect(at('GET', '/api/data//')).toBe('data.pull')
  expect(at('PUT', '/api/plans//active')).toBe('plans.activate')
})

test.for([
  '/',
  '',
  '/api',
  '/api/',
  '/API/plans',
  '/api/Plans',
  '/api//plans',
  '//api/plans',
  '/api/plan',
  '/api/plans/x/active/y',
  '/api/runs/x/logs',
  '/api/backend/data',
  '/api/p%6cans',
])('there is nothing at "%s", for any method', (path) => {
  for (const method of ['GET', 'POST', 'OPTIONS', 'HEAD', 'BREW'])
    expect(at(method, path)).toBe('absent')
})

test('another method is refused with those that are allowed, and OPTIONS tells them', () => {
  const allow = 'GET, OPTIONS, POST'
  for (const method of ['PUT', 'DELETE', 'PATCH', 'HEAD', 'TRACE', 'get', 'BREW'])
    expect(findRoute(table, method, '/api/data')).toEqual({ kind: 'method', allow })
  expect(findRoute(table, 'OPTIONS', '/api/plans/x/active')).toEqual({
    kind: 'options',
    headers: { allow: 'DELETE, OPTIONS, PUT' },
  })
})

test('OPTIONS tells which archives are taken, and that they may come in parts', () => {
  expect(findRoute(table, 'OPTIONS', '/api/data/')).toEqual({
    kind: 'options',
    headers: {
      allow: 'GET, OPTIONS, POST',
      'accept-post': 'application/tar+gzip, application/tar+zstd',
      'upload-limit': 'min-size=0',
    },
  })
})
