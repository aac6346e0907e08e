import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import type { Context } from '../context.ts'
import { tempDir } from '../testing.ts'
import { sessionCredential } from './session-credential.ts'

const apiRoot = 'https://knit.example/api'
const now = () => Date.now() / 1000

/** Somebody whose session has so many seconds left, and whose provider answers so when it is asked to renew it. */
async function signedIn(left: number, answer: () => StubAnswer) {
  const stub = await stubOfTheWire(({ url, headers }) => {
    const issuer = `http://${headers.host}`
    if (url === '/token') return answer()
    return { json: { issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: `${issuer}/token` } }
  })
  const cwd = tempDir()
  const file = join(cwd, 'store.sessions')
  const client = { issuer: stub.apiRoot.replace('/api', ''), clientId: 'knit', scopes: ['openid'] }
  const session = { apiRoot, client, token: 'old', expiresAt: now() + left, refreshToken: 'once' }
  const keep = (changes: object) =>
    writeFileSync(file, JSON.stringify({ test: { ...session, ...changes } }))
  keep({})
  const ctx = {
    env: { KNIT_PROFILE_STORE: join(cwd, 'store'), KNIT_PROFILE: 'test' },
    flags: {},
    cwd,
    signal: new AbortController().signal,
  } as unknown as Context
  const credential = sessionCredential(apiRoot, ctx)
  if (typeof credential !== 'object') throw new Error('nobody has signed in')
  return {
    credential,
    keep,
    kept: () => JSON.parse(readFileSync(file, 'utf8')).test as typeof session,
    signOut: () => rmSync(file),
    asked: () => stub.requests.filter(({ url }) => url === '/token').length,
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  }
}

const given = () => ({
  json: { access_token: 'any', id_token: 'new', refresh_token: 'next', expires_in: 600 },
})
const away = () => ({ status: 503 })

test('a token that is good for a while is sent as it is; one that ends soon is followed by another, which is kept', async () => {
  await using good = await signedIn(600, given)
  expect(await good.credential.secret()).toBe('old')
  expect(good.asked()).toBe(0)
  await using short = await signedIn(30, given)
  expect(await short.credential.secret()).toBe('new')
  expect(short.kept()).toMatchObject({ token: 'new', refreshToken: 'next', apiRoot })
})

test('what another command has renewed meanwhile is used, and nobody is asked for more', async () => {
  await using it = await signedIn(30, given)
  it.keep({ token: 'newer', expiresAt: now() + 600 })
  expect(await it.credential.secret()).toBe('newer')
  expect(await it.credential.secret()).toBe('newer')
  expect(it.asked()).toBe(0)
})

test('nor is anybody asked when that has got the same token once more', async () => {
  await using it = await signedIn(-1, given)
  it.keep({ expiresAt: now() + 600, refreshToken: 'next' })
  expect(await it.credential.secret()).toBe('old')
  expect(it.asked()).toBe(0)
})

test('what another command has renewed, long ago, is renewed by what that was given', async () => {
  await using it = await signedIn(-600, given)
  it.keep({ token: 'newer', expiresAt: now() - 60, refreshToken: 'its own' })
  expect(await it.credential.secret()).toBe('new')
  expect(it.kept()).toMatchObject({ token: 'new' })
})

test('who has signed out meanwhile is signed out, and is not signed in again', async () => {
  await using it = await signedIn(-1, given)
  it.signOut()
  await expect(it.credential.secret()).rejects.toThrow('your sign-in has ended')
  expect(it.asked()).toBe(0)
})

test('of a provider that is away nobody hears whose token is good; whose is not keeps what may renew it', async () => {
  await using good = await signedIn(30, away)
  expect(await good.credential.secret()).toBe('old')
  await using late = await signedIn(-1, away)
  await expect(late.credential.secret()).rejects.toThrow(/^http:.*\/token answers 503$/)
  expect(late.kept()).toMatchObject({ token: 'old', refreshToken: 'once' })
})

test('a provider that will not renew it ends it', async () => {
  await using it = await signedIn(-1, () => ({ status: 400, json: { error: 'invalid_grant' } }))
  await expect(it.credential.secret()).rejects.toThrow('your sign-in has ended')
})
