import { expect, test } from 'vitest'
import { findExtraApi, readExtraApi } from './extra-api.ts'
import { Invalid } from './invalid.ts'

test.for([
  ['/my/api=http://my-service/base', { path: '/my/api', target: 'http://my-service/base' }],
  ['/a=https://host:8443/?x=1', { path: '/a', target: 'https://host:8443/?x=1' }],
  ['/apis=http://127.0.0.1:9000', { path: '/apis', target: 'http://127.0.0.1:9000' }],
] as const)('%s is an extra API', ([text, api]) => {
  expect(readExtraApi(text)).toEqual(api)
})

test.for([
  '',
  'http://my-service/',
  'my/api=http://my-service/',
  '/=http://my-service/',
  '/a/=http://my-service/',
  '/a//b=http://my-service/',
  '/a/../b=http://my-service/',
  '/a/./b=http://my-service/',
  '/a%20b=http://my-service/',
  '/a?b=http://my-service/',
  '/api=http://my-service/',
  '/api/more=http://my-service/',
  '/healthz=http://my-service/',
  '/a=my-service',
  '/a=/base',
  '/a=ftp://my-service/',
  '/a=file:///etc/passwd',
  '/a=http://',
  '/a=http://me:secret@my-service/',
  '/a=http://169.254.169.254/latest',
  '/a=http://0xa9fea9fe/latest',
  '/a=http://2852039166/',
  '/a=http://[fe80::1]/',
  '/a=http://[::ffff:169.254.169.254]/',
  '/a=http://[fd00:ec2::254]/latest',
  '/a=http://0251.0376.0251.0376/',
  '/a=http://169.254.43518/',
  '/a=http://１６９.254.169.254/',
])('%j is none', (text) => {
  expect(() => readExtraApi(text)).toThrow(Invalid)
})

test('what is wrong with one is told without its password', () => {
  for (const text of [
    '/a=http://me:secret@my-service/',
    'http://me:secret@my-service/',
    '/a=ftp://secret@x',
  ])
    expect(() => readExtraApi(text)).toThrow(/^(?!.*secret).*\/\/…@/)
})

const apis = ['/foo=http://up/base?own=1', '/foo/deep=https://deep:8443', '/bar=http://up'].map(
  readExtraApi,
)
const urlOf = (path: string) => findExtraApi(apis, new URL(path, 'http://gate'))?.url.href

test.for([
  ['/foo', 'http://up/base/'],
  ['/foo/', 'http://up/base/'],
  ['/foo/x', 'http://up/base/x/'],
  ['/foo/x/y/', 'http://up/base/x/y/'],
  ['/foo//x', 'http://up/base/x/'],
  ['/foo/x?a=1&b=%2F', 'http://up/base/x/?a=1&b=%2F'],
  ['/foo/a%20b', 'http://up/base/a%20b/'],
  ['/foo/deep/x', 'https://deep:8443/x/'],
  ['/foo/deeper', 'http://up/base/deeper/'],
  ['/bar', 'http://up/'],
  ['/bar/../foo/x', 'http://up/base/x/'],
] as const)('%s is asked of %s', ([path, url]) => {
  expect(urlOf(path)).toBe(url)
})

test.for(['/foobar', '/', '/fo', '/FOO', '/foo/../x', '/foo/%2e%2e/x', '/%66oo'])(
  '%s is of nobody',
  (path) => {
    expect(urlOf(path)).toBeUndefined()
  },
)

// Whatever is asked for, it is asked of the host that the admin named, below the base that the admin named.
test.for([
  '/foo//evil.test/x',
  '/foo/@evil.test/',
  '/foo/http://evil.test/',
  '/foo/:80@evil.test',
  '/foo/%2e%2e%2fadmin',
  '/foo/..%2fadmin',
  '/foo/..;/admin',
  '/foo/%5c%5cevil.test',
  '/foo/%00',
  '/foo/.%2e/admin',
  '/bar//169.254.169.254/latest',
  '/bar/?url=http://169.254.169.254/',
])('%s leads nowhere else', (path) => {
  const url = urlOf(path)
  if (url !== undefined) expect(url).toMatch(/^http:\/\/up\/(base\/)?(?!.*\.\.)/)
})
