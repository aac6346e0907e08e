import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import type { OidcClient } from '#shared/domain/oidc-client.ts'
import { beginPageSignIn, endPageSignIn, type SignInBegun } from '#shared/oidc/page-sign-in.ts'
import { openFront, send, type Front } from '#tests/support/over-socket.ts'
import { signInAs, startProvider, type TestProvider } from '#tests/support/provider.ts'
import { test, type TestWorld } from '#tests/support/world.ts'

let provider: TestProvider
beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => provider[Symbol.asyncDispose]())

/** A page of a system that this provider signs people in to: what it is told of the provider, and where it is. */
async function page(ctx: TestWorld, oidcAudience?: string) {
  const own = { oidcIssuer: provider.issuer, oidcRoleClaim: 'groups', oidcUsers: ['team'] }
  const config = { ...ctx.config, token: 'of the settings', ...own, oidcAudience }
  const front = await openFront({ ...ctx, config })
  onTestFinished(() => front.close())
  const { oidc } = JSON.parse((await send(front, { path: '/api/auth' })).text)
  return { front, client: oidc as OidcClient, redirectUri: new URL('/console', front.root).href }
}

/** Somebody goes to the provider from there and comes back: what the page has kept, and the address at which they are. */
async function thereAndBack(
  { client, redirectUri }: { client: OidcClient; redirectUri: string },
  change: (url: URL) => void = () => {},
) {
  const { url, begun } = await beginPageSignIn(client, redirectUri)
  const way = new URL(url)
  change(way)
  const { url: back } = await signInAs('ann-team', way.href)
  return { way, begun, back }
}

const whoami = async (front: Front, token: string) => {
  const headers = { authorization: `Bearer ${token}` }
  return JSON.parse((await send(front, { path: '/api/whoami', headers })).text)
}

const tokensAsked = () => provider.asked.filter((path) => path === '/token').length

test.for([undefined, 'https://knit.example/api'])(
  'a page signs somebody in by a code that only it can use, for the audience %s',
  async (audience, { ctx }) => {
    const here = await page(ctx, audience)
    const { way, begun, back } = await thereAndBack(here)
    const asked = Object.fromEntries(way.searchParams)
    expect(asked).toMatchObject({ response_type: 'code', code_challenge_method: 'S256' })
    const digest = createHash('sha256').update(begun.verifier)
    expect(asked['code_challenge']).toBe(digest.digest('base64url'))
    expect(asked['scope']).toBe('openid profile email')
    expect(way.href).not.toContain(begun.verifier)
    expect(back).toMatch(new RegExp(`^${here.redirectUri}\\?code=`))
    const token = await endPageSignIn(here.client, begun, back)
    expect(await whoami(here.front, token)).toMatchObject({ name: 'oidc:ann-team', role: 'user' })
  },
)

test('a code is of no use to who does not know what the page has kept, and of none to anybody a second time', async ({
  ctx,
}) => {
  const { client, ...here } = await page(ctx)
  const { begun, back } = await thereAndBack({ client, ...here })
  const stranger = { ...begun, verifier: 'a'.repeat(43) }
  await expect(endPageSignIn(client, stranger, back)).rejects.toThrow('grant request is invalid')
  const elsewhere = { ...begun, redirectUri: 'http://127.0.0.1:1/console' }
  await expect(endPageSignIn(client, elsewhere, back)).rejects.toThrow('grant request is invalid')
  await endPageSignIn(client, begun, back)
  await expect(endPageSignIn(client, begun, back)).rejects.toThrow('grant request is invalid')
})

test('no two sign-ins have anything in common that could be guessed', async ({ ctx }) => {
  const { client, redirectUri } = await page(ctx)
  const two = [
    await beginPageSignIn(client, redirectUri),
    await beginPageSignIn(client, redirectUri),
  ]
  const random = two.flatMap(({ begun: { state, nonce, verifier } }) => [state, nonce, verifier])
  expect(new Set(random).size).toBe(6)
  for (const text of random) expect(text).toMatch(/^[\w-]{43}$/)
})

test.for([
  ['state', 'was not begun here'],
  ['iss', 'is no answer of'],
] as const)('what has another %s is not taken to the provider', async ([name, why], { ctx }) => {
  const { client, ...here } = await page(ctx)
  const { begun, back } = await thereAndBack({ client, ...here })
  const before = tokensAsked()
  const url = new URL(back)
  url.searchParams.set(name, 'https://another.example')
  await expect(endPageSignIn(client, begun, url.href)).rejects.toThrow(why)
  if (name === 'state') url.searchParams.delete(name)
  await expect(endPageSignIn(client, begun, url.href)).rejects.toThrow(why)
  expect(tokensAsked()).toBe(before)
})

test('tokens of another sign-in than the one that was begun are not taken', async ({ ctx }) => {
  const { client, ...here } = await page(ctx)
  const { begun, back } = await thereAndBack({ client, ...here })
  const other: SignInBegun = { ...begun, nonce: 'another' }
  await expect(endPageSignIn(client, other, back)).rejects.toThrow('of another sign-in')
})

test.for([
  ['without a challenge', { code_challenge: undefined, code_challenge_method: undefined }],
  ['with one that is no digest', { code_challenge_method: 'plain' }],
] as const)('the provider gives no code %s, and the page says why', async ([, change], { ctx }) => {
  const { client, ...here } = await page(ctx)
  const { begun, back } = await thereAndBack({ client, ...here }, (url) => {
    for (const [name, value] of Object.entries(change))
      if (value === undefined) url.searchParams.delete(name)
      else url.searchParams.set(name, value)
  })
  expect(new URL(back).searchParams.has('code')).toBe(false)
  await expect(endPageSignIn(client, begun, back)).rejects.toThrow(/PKCE|code_challenge/)
})
