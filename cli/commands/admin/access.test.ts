import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { knit, projectFor } from '../../testing.ts'

const at = '2026-01-02T03:04:05.678+00:00'
const made = { createdBy: 'token', createdAt: at, expiresAt: at }
const token = { name: 'ci', role: 'user', state: 'valid', ...made }

test('admin token create shows the secret, and says that it does so once', async () => {
  await using stub = await stubOfTheWire(() => ({ json: { ...token, secret: 'knit_secret' } }))
  const words = ['admin', 'token', 'create', 'ci', '--role', 'user']
  const plain = await knit([...words, '--expires', '12h'], projectFor(stub))
  expect(JSON.parse(plain.stdout)).toEqual({ ...token, secret: 'knit_secret' })
  expect(plain.stderr).toContain('is shown this once')
  const { stdout } = await knit([...words, '--output', 'table'], projectFor(stub))
  expect(stdout).toMatch(/^NAME +ROLE .* SECRET\nci +user +valid .* knit_secret\n$/)
  expect(stub.requests.map(({ body }) => JSON.parse(String(body)))).toEqual([
    { name: 'ci', role: 'user', lifetime: 12 * 3600 },
    { name: 'ci', role: 'user', lifetime: 90 * 86_400 },
  ])
})

test.for([
  [['ci'], '--role'],
  [['ci', '--role', 'root'], '--role'],
  [['ci', '--role', 'user', '--expires', 'soon'], '"soon" is no length of time of a second'],
  [['ci', '--role', 'user', '--expires', '-5s'], '"-5s" is no length of time of a second'],
  [['Ann', '--role', 'user'], 'NAME: expected 1 to 63 small letters'],
] as const)('admin token create %j is a misuse', async ([words, message]) => {
  await using stub = await stubOfTheWire(() => ({ status: 500 }))
  const { code, stderr } = await knit(['admin', 'token', 'create', ...words], projectFor(stub))
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expect(stub.requests).toEqual([])
})

test('admin token list shows who made and who revoked them', async () => {
  const revoked = { ...token, state: 'revoked', revokedBy: 'ann', revokedAt: at, lastUsedAt: at }
  await using stub = await stubOfTheWire(() => ({ json: [revoked] }))
  const words = ['admin', 'token', 'list', '--output', 'table']
  const { stdout } = await knit(words, projectFor(stub))
  expect(stdout).toMatch(/ci +user +revoked +\S+ +\S+ +token +ann\n$/)
})

test('admin token revoke names it; what is not there is looked for in the list', async () => {
  let status = 204
  await using stub = await stubOfTheWire(() =>
    status === 204 ? { status } : { status, json: { code: 'token-not-found', detail: 'none' } },
  )
  const words = ['admin', 'token', 'revoke', 'ci']
  expect((await knit(words, projectFor(stub))).stderr).toContain('ci: revoked\n')
  expect(stub.requests[0]).toMatchObject({ method: 'DELETE', url: '/api/admin/tokens/ci' })
  status = 404
  expect((await knit(words, projectFor(stub))).stderr).toContain('try: knit admin token list\n')
})

test('whoami says who, what and where from', async () => {
  const ann = { name: 'token:ann', role: 'viewer', address: '192.0.2.1' }
  await using stub = await stubOfTheWire(() => ({ json: ann }))
  const project = projectFor(stub)
  expect(JSON.parse((await knit(['whoami'], project)).stdout)).toEqual(ann)
  const { stdout } = await knit(['whoami', '--output', 'table'], project)
  expect(stdout).toMatch(/^NAME +ROLE +FROM\ntoken:ann +viewer +192\.0\.2\.1\n$/)
})
