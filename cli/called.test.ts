import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { asCalled } from './called.ts'
import { knit, projectFor, tempDir } from './testing.ts'

const advice = 'mend that, then: knit data push x; docker save IMAGE | knit plan template'
const npx = { npm_lifecycle_event: 'npx', npm_config_local_prefix: '/src/my checkout' }

test('what is advised is called as this program was', () => {
  expect(asCalled(advice, { env: {}, cwd: '/src' })).toBe(advice)
  expect(asCalled('knit --help', { env: npx, cwd: '/src/my checkout' })).toBe('npx knit --help')
  expect(asCalled('npx knit init /a/knit b', { env: npx, cwd: '/src' })).toBe(
    'npx knit init /a/knit b',
  )
})

test.each(['/src/my checkout', '/src/my checkout/..data', '/src/my checkout/a/b'])(
  'in %s npx finds it by itself',
  (cwd) => {
    expect(asCalled(advice, { env: npx, cwd })).toBe(
      'mend that, then: npx knit data push x; docker save IMAGE | npx knit plan template',
    )
  },
)

test.each(['/src', '/src/my checkout2', '/tmp/poems'])(
  'from %s npx is led to where it found it, lest it offers what a stranger called so',
  (cwd) => {
    expect(asCalled(advice, { env: npx, cwd })).toBe(
      "mend that, then: npx --prefix '/src/my checkout' knit data push x; docker save IMAGE | npx --prefix '/src/my checkout' knit plan template",
    )
  },
)

test('where npx does not say what it found, it is called without', () => {
  const env = { npm_lifecycle_event: 'npx' }
  expect(asCalled('knit data find', { env, cwd: '/' })).toBe('npx knit data find')
})

test('so are the examples of the help, and its first steps', async () => {
  const dir = tempDir()
  const env = { ...npx, npm_config_local_prefix: dir }
  const helpOf = async (...words: string[]) =>
    (await knit([...words, '--help'], dir, { env })).stderr
  expect(await helpOf()).toContain('\n  npx knit local start --detach\n')
  expect(await helpOf('plan', 'template')).toContain(
    '\n  docker save demo:v1 | npx knit plan template > plan.yaml\n',
  )
})

test('so is what follows an error', async () => {
  const dir = tempDir()
  const { stderr } = await knit(['data', 'find', '--bogus'], dir, { env: npx })
  expect(stderr).toContain("\ntry: npx --prefix '/src/my checkout' knit data find --help\n")
})

test('so is what is told besides', async () => {
  await using stub = await stubOfTheWire(() => ({ json: token }))
  const dir = projectFor(stub)
  const env = { ...npx, npm_config_local_prefix: dir }
  const create = await knit(['admin', 'token', 'create', 'ci', '--role', 'user'], dir, { env })
  expect(create.stderr).toContain('in a file: npx knit init KNIT_PROFILE_FILE --token-file FILE\n')
  appendFileSync(join(dir, 'store'), '    token: a secret\n')
  const logout = await knit(['logout'], dir, { env })
  expect(logout.stderr).toContain('to end it: npx knit admin token revoke NAME\n')
})

const at = '2026-01-02T03:04:05.678+00:00'
const token = {
  name: 'ci',
  role: 'user',
  state: 'valid',
  createdBy: 'ann',
  createdAt: at,
  expiresAt: at,
  secret: 'knit_secret',
}
