import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { startProvider, type TestProvider } from '#tests/support/provider.ts'
import { oidcTokens } from './oidc-tokens.ts'
import { providerKeys, readKeysOf } from './provider-keys.ts'

let provider: TestProvider
beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => provider[Symbol.asyncDispose]())

const settings = {
  audience: 'knit',
  nameClaim: 'sub',
  roleClaim: 'groups',
  values: { viewer: [], user: ['team'], admin: [] },
}

const now = () => Math.floor(Date.now() / 1000)
const silent = { warn: () => {}, info: () => {} }

/** Signs in with a token, or with what is no token. */
function wayInto({ issuer }: Pick<TestProvider, 'issuer'>) {
  const way = oidcTokens({ issuer, ...settings }, providerKeys(readKeysOf(issuer), silent))
  return async (token: string) =>
    way(new Request('http://gate.local/', { headers: { authorization: `Bearer ${token}` } }))
}

test('a token of the provider signs in under its name, with the role of its groups', async () => {
  const signIn = wayInto(provider)
  expect(await signIn(await provider.sign())).toEqual({ name: 'oidc:ann', role: 'user' })
  const access = await provider.sign({ sub: 'bob', aud: ['other', 'knit'] }, { typ: 'at+jwt' })
  expect(await signIn(access)).toEqual({ name: 'oidc:bob', role: 'user' })
})

test.for([
  ['JWT', true],
  ['at+jwt', true],
  ['application/at+jwt', true],
  ['AT+JWT', true],
  ['logout+jwt', false],
  ['secevent+jwt', false],
  ['dpop+jwt', false],
  ['application/json', false],
  ['', false],
] as const)('a token of the type %j signs in: %s', async ([typ, isOne]) => {
  const signedIn = wayInto(provider)(await provider.sign({}, { typ }))
  if (isOne) expect(await signedIn).toEqual({ name: 'oidc:ann', role: 'user' })
  else await expect(signedIn).rejects.toThrow('not one to sign in with')
})

test('an access token is asked the same as any other', async () => {
  for (const [claims, why] of [
    [{ aud: 'another' }, 'for another audience'],
    [{ exp: now() - 300 }, 'has expired'],
    [{ exp: undefined }, '"exp"'],
    [{ iss: 'https://other.example' }, `not one of ${provider.issuer}`],
  ] as const) {
    const token = await provider.sign(claims, { typ: 'at+jwt' })
    await expect(wayInto(provider)(token)).rejects.toThrow(why)
  }
})

test('who has signed in and has no role is refused by name', async () => {
  await expect(
    wayInto(provider)(await provider.sign({ groups: ['others'] })),
  ).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringMatching(/^ann has signed in.*"groups"/),
  })
})

test('what is no token of this kind is left to other ways in', async () => {
  for (const secret of ['another', 'knit_0123', 'a.b', 'a.b.c.d', 'a b.c.d'])
    expect(await wayInto(provider)(secret)).toBeUndefined()
})

test('a token of another issuer is refused, and nobody is asked about it', async () => {
  await using other = await startProvider()
  const signIn = wayInto(provider)
  const before = provider.asked.length
  for (const token of [await other.sign(), await provider.sign({ iss: `${provider.issuer}/` })])
    await expect(signIn(token)).rejects.toThrow(`is not one of ${provider.issuer}.`)
  expect([provider.asked.length, other.asked.length]).toEqual([before, 0])
})

test.for([
  ['has expired', () => ({ exp: now() - 60 })],
  ['for another audience than knit', () => ({ aud: 'another' })],
  ['"nbf" of the token', () => ({ nbf: now() + 600 })],
  ['"exp" of the token', () => ({ exp: undefined })],
  ['"sub" of the token', () => ({ sub: undefined })],
  ['does not say who you are', () => ({ sub: 'ann\nbob' })],
  ['not one to sign in with', () => ({ cnf: { jkt: 'key' } })],
  ['not one to sign in with', () => ({ events: { logout: {} } })],
] as const)('a token that is not good is refused by what is not: %s', async ([why, claims]) => {
  const token = await provider.sign(claims())
  await expect(wayInto(provider)(token)).rejects.toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining(why),
  })
})

test('a signature that whoever checks it could have made is none, whatever the keys', async () => {
  const secret = new TextEncoder().encode('a secret that two know, of 32 characters at least')
  const way = oidcTokens({ issuer: provider.issuer, ...settings }, async () => secret)
  const token = await new SignJWT({
    iss: provider.issuer,
    aud: 'knit',
    sub: 'ann',
    groups: ['team'],
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(secret)
  const headers = { authorization: `Bearer ${token}` }
  await expect(way(new Request('http://gate.local/', { headers }))).rejects.toMatchObject({
    code: 'unauthorized',
  })
})

// A token is made at second 0 and ends at second 300.
test.for([
  [-61, 'made', '"iat" of the token'],
  [-60, 'made', undefined],
  [-61, 'made, and good from then', '"nbf" of the token'],
  [-60, 'made, and good from then', undefined],
  [359, 'made', undefined],
  [360, 'made', 'has expired'],
] as const)(
  'the clocks of a provider and ours may differ by a minute: second %i of a token that was %s',
  async ([second, what, why]) => {
    const made = now()
    const nbf = what === 'made' ? undefined : made
    const token = await provider.sign({ iat: made, exp: made + 300, ...(nbf && { nbf }) })
    vi.useFakeTimers({ toFake: ['Date'], now: (made + second) * 1000 })
    onTestFinished(() => void vi.useRealTimers())
    const signedIn = wayInto(provider)(token)
    if (why === undefined) expect(await signedIn).toMatchObject({ name: 'oidc:ann' })
    else await expect(signedIn).rejects.toThrow(why)
  },
)

test('a token that is longer than any is not read', async () => {
  const token = await provider.sign({ more: 'x'.repeat(1024 ** 2) })
  await expect(wayInto(provider)(token)).rejects.toMatchObject({ code: 'unauthorized' })
})

test('while the provider is away who was known to it signs in; who comes first then is told', async () => {
  await using passing = await startProvider()
  const [known, late] = [wayInto(passing), wayInto(passing)]
  const token = await passing.sign()
  await known(token)
  passing.goAway()
  expect(await known(token)).toMatchObject({ name: 'oidc:ann' })
  await expect(late(token)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(`its provider ${passing.issuer} does not answer`),
  })
})
