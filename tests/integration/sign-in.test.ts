import { execFile as callback } from 'node:child_process'
import { existsSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest'
import { knit, projectFor } from '../../cli/testing.ts'
import { openFront } from '#tests/support/over-socket.ts'
import { signInAs, startProvider, type TestProvider } from '#tests/support/provider.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { until } from '#tests/support/until.ts'
import { test, type TestWorld } from '#tests/support/world.ts'

const execFile = promisify(callback)

let provider: TestProvider
beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => provider[Symbol.asyncDispose]())

/** A directory that is a project of a system which this provider signs people in to. */
async function project(ctx: TestWorld, settings: Partial<TestWorld['config']> = {}) {
  const own = { oidcIssuer: provider.issuer, oidcRoleClaim: 'groups', oidcUsers: ['team'] }
  const config = { ...ctx.config, token: 'the token of the settings', ...own, ...settings }
  const world = { ...ctx, config }
  const front = await openFront(world)
  onTestFinished(() => front.close())
  const cwd = projectFor({ apiRoot: front.door.apiRoot })
  const sessions = join(cwd, 'store.sessions')
  const session = () => JSON.parse(readFileSync(sessions, 'utf8')).test
  const change = (changes: object) =>
    writeFileSync(sessions, JSON.stringify({ test: { ...session(), ...changes } }))
  const whoami = async () => {
    const { code, stdout, stderr } = await knit(['whoami'], cwd)
    return code === 0 ? JSON.parse(stdout).name : stderr
  }
  return { cwd, sessions, session, change, whoami, front }
}

/** `knit login`, while somebody goes to the page that it names. The pause before its question waits for that. */
async function login(cwd: string, name: string) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  let told = ''
  const invited = Promise.withResolvers<string>()
  const stderr = new Writable({
    write(chunk, _, done) {
      told += chunk
      const page = /^ {2}(http.*)$/m.exec(told)?.[1]
      if (page !== undefined) invited.resolve(page)
      done()
    },
  })
  try {
    const signingIn = knit(['login'], cwd, { stderr })
    const { text: last } = await signInAs(name, await invited.promise)
    // No longer: whoever waits for answers would give them up.
    await vi.advanceTimersByTimeAsync(5_000)
    const { code } = await signingIn
    return { code, told, last }
  } finally {
    vi.useRealTimers()
  }
}

test('who signs in at the provider is known from then on, by name and role', async ({ ctx }) => {
  const { cwd, sessions, session, front } = await project(ctx)
  const { code, told, last } = await login(cwd, 'ann-team')
  expect(told).toMatch(/type it there:\n\n {2}[A-Z]{4}-[A-Z]{4}\n/)
  expect(told).toContain('signed in as oidc:ann-team (user)')
  expect(last).toContain('Sign-in Success')
  expect(code).toBe(0)
  expect(statSync(sessions).mode & 0o777).toBe(0o600)
  const { stdout } = await knit(['whoami'], cwd)
  expect(JSON.parse(stdout)).toMatchObject({ name: 'oidc:ann-team', role: 'user' })
  expect(readFileSync(join(cwd, 'store'), 'utf8')).not.toContain(session().token)
  expect(told).not.toContain(session().token)

  const tag = ['data', 'tag', '--add', 'a:b', '0199c2a4-6d0e-7c11-9b57-0c4f4a1de001']
  expect((await knit(tag, cwd)).stderr).toContain('(HTTP 404)')
  expect((await knit(['admin', 'audit'], cwd)).stderr).toContain('oidc:ann-team is a user')
  expect(front.door.apiRoot).toBe(session().apiRoot)
})

test('where an audience is named, it is an access token for that which signs in, and which is renewed', async ({
  ctx,
}) => {
  const audience = 'https://knit.example/api'
  const { cwd, session, change, whoami } = await project(ctx, { oidcAudience: audience })
  const { code } = await login(cwd, 'ann-team')
  expect(code).toBe(0)
  const { token } = session()
  expect(decodeProtectedHeader(token)).toMatchObject({ typ: 'at+jwt', alg: 'RS256' })
  expect(decodeJwt(token)).toMatchObject({ aud: audience, client_id: 'knit', sub: 'ann-team' })
  expect(await whoami()).toBe('oidc:ann-team')
  change({ expiresAt: Date.now() / 1000 - 1 })
  expect(await whoami()).toBe('oidc:ann-team')
  expect(session().token).not.toBe(token)
  // One for the client alone is for nobody here.
  change({ token: await provider.sign(), refreshToken: undefined })
  expect(await whoami()).toContain(`for another audience than ${audience}`)
})

test('what somebody changes is in the audit under their name', async ({ ctx }) => {
  const { cwd } = await project(ctx, { oidcUsers: [], oidcAdmins: ['team'] })
  await login(cwd, 'bob-team')
  const created = await knit(['admin', 'token', 'create', 'ci', '--role', 'user'], cwd)
  expect(created.code).toBe(0)
  const audit = await knit(['admin', 'audit', '--actor', 'oidc:bob-team'], cwd)
  expect(JSON.parse(audit.stdout)).toMatchObject([{ actor: 'oidc:bob-team', subjects: ['ci'] }])
})

test('who has no role is told so, and is not kept as signed in', async ({ ctx }) => {
  const { cwd, sessions } = await project(ctx)
  const { code, told } = await login(cwd, 'eve-others')
  expect(code).toBe(1)
  expect(told).toContain('eve-others has signed in, and has no role here')
  expect(existsSync(sessions)).toBe(false)
})

test('a token that ends soon is renewed before, and one that is not taken once', async ({
  ctx,
}) => {
  const { cwd, session, change, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  for (const changes of [{ expiresAt: Date.now() / 1000 + 30 }, { token: 'e30.e30.e30' }]) {
    change(changes)
    const { refreshToken } = session()
    expect(await whoami()).toBe('oidc:ann-team')
    expect(session().refreshToken).not.toBe(refreshToken)
    expect(session().expiresAt).toBeGreaterThan(Date.now() / 1000 + 3000)
  }
})

/** How often the provider has been asked for tokens. */
const tokensAsked = () => provider.asked.filter((path) => path === '/token').length

test('of many that renew it at the same moment one asks the provider, and all go on with what that was given', async ({
  ctx,
}) => {
  const { cwd, session, change, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  change({ expiresAt: Date.now() / 1000 - 1 })
  const before = tokensAsked()
  const names = await Promise.all(Array.from({ length: 5 }, whoami))
  expect(names).toEqual(Array(5).fill('oidc:ann-team'))
  expect(tokensAsked()).toBe(before + 1)
  // Had the refresh token been used twice, the provider would have taken all of them back.
  change({ expiresAt: Date.now() / 1000 - 1 })
  expect(await whoami()).toBe('oidc:ann-team')
  expect(session().expiresAt).toBeGreaterThan(Date.now() / 1000)
})

/** `knit whoami` as a process of its own. */
async function whoamiElsewhere(cwd: string): Promise<string> {
  const launcher = new URL('../../cli/knit.cjs', import.meta.url).pathname
  const env = { ...process.env, KNIT_PROFILE_STORE: join(cwd, 'store'), KNIT_HOME: cwd }
  const { stdout } = await execFile(process.execPath, [launcher, 'whoami'], { cwd, env })
  return JSON.parse(stdout).name
}

test('who finds another process renewing it waits for that, and asks nobody', async ({ ctx }) => {
  const { cwd, change, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  change({ expiresAt: Date.now() / 1000 - 1 })
  const before = tokensAsked()
  const letGo = provider.holdTokens()
  const first = whoamiElsewhere(cwd)
  await until(() => tokensAsked() > before)

  const tried = new Set<string>()
  const watcher = watch(cwd, (_, name) => tried.add(String(name)))
  onTestFinished(() => watcher.close())
  const second = whoami()
  // It has asked somebody by then, or has found the lock taken.
  const isWaiting = () => [...tried].some((name) => name.startsWith('store.sessions.lock.'))
  await until(() => isWaiting() || tokensAsked() > before + 1)
  letGo()
  expect(await Promise.all([first, second])).toEqual(['oidc:ann-team', 'oidc:ann-team'])
  expect(tokensAsked()).toBe(before + 1)
})

test('when the provider renews it no more, one has to sign in again', async ({ ctx }) => {
  const { cwd, change, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  change({ expiresAt: Date.now() / 1000 - 1, refreshToken: 'another' })
  expect(await whoami()).toBe('your sign-in has ended\ntry: knit login\n')
})

test('a token goes to the system that it is for, and to no other', async ({ ctx }) => {
  const { cwd, change, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  change({ apiRoot: 'https://another.example/api' })
  expect(await whoami()).toContain('A valid token is needed')
})

test('logout ends the sign-in at the provider, and forgets it', async ({ ctx }) => {
  const { cwd, sessions, session, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  const { refreshToken: refresh_token } = session()
  expect((await knit(['logout'], cwd)).stderr).toContain('signed out of')
  expect(readFileSync(sessions, 'utf8')).toBe('{}\n')
  expect(await whoami()).toContain('A valid token is needed')
  const form = { client_id: 'knit', grant_type: 'refresh_token', refresh_token }
  const answer = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  expect(await answer.json()).toMatchObject({ error: 'invalid_grant' })
  expect((await knit(['logout'], cwd)).stderr).toContain('nobody was signed in')
})

test('a token of our own takes the place of a sign-in, if it is good', async ({ ctx }) => {
  const { cwd, whoami } = await project(ctx)
  await login(cwd, 'ann-team')
  const file = join(cwd, 'token.txt')
  writeFileSync(file, `${await makeToken(ctx, 'ci')}\n`)
  writeFileSync(join(cwd, 'bad.txt'), 'knit_bad')
  const refused = await knit(['login', '--token-file', 'bad.txt'], cwd)
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('not whole') })
  expect(await whoami()).toBe('oidc:ann-team')
  const taken = await knit(['login', '--token-file', 'token.txt'], cwd)
  expect(taken.stderr).toContain('signed in as token:ci (user)')
  expect(await whoami()).toBe('token:ci')
  expect((await knit(['logout'], cwd)).stderr).toContain('knit admin token revoke NAME')
  expect(await whoami()).toContain('A valid token is needed')
})

test('Ctrl-C while nobody has signed in yet ends with 130, and keeps nothing', async ({ ctx }) => {
  const { cwd, sessions } = await project(ctx)
  const interrupt = new AbortController()
  const stderr = new Writable({
    write(chunk, _, done) {
      if (String(chunk).includes('Open this page')) interrupt.abort()
      done()
    },
  })
  const { code } = await knit(['login'], cwd, { stderr, signal: interrupt.signal })
  expect(code).toBe(130)
  expect(existsSync(sessions)).toBe(false)
})

test('where there is no provider, one is told what to do instead', async ({ ctx }) => {
  const { cwd } = await project(ctx, { oidcIssuer: undefined })
  const { code, stderr } = await knit(['login'], cwd)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/has no provider to sign in at\ntry: .*knit login --token-file/),
  })
})
