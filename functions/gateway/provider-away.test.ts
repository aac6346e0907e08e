import { generateKeyPair, SignJWT } from 'jose'
import { expect, onTestFinished } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import { stubOfTheWire, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { openGateway } from './open-gateway.ts'

type Answer = StubAnswer | 'hang up'
/** What a provider answers, and what is said of it. */
type Trouble = { discovery?: (issuer: string) => Answer; keys?: Answer; reason: string }

const discovery = '/.well-known/openid-configuration'
const metadata = (issuer: string) => ({ issuer, jwks_uri: `${issuer}/jwks` })
const key = { kty: 'RSA', kid: 'one', e: 'AQAB' }

const troubles: Record<string, Trouble> = {
  'hangs up': { discovery: () => 'hang up', reason: `${discovery}: other side closed` },
  'has failed': { discovery: () => ({ status: 500 }), reason: `${discovery} answers 500` },
  'leads elsewhere': {
    discovery: () => ({ status: 302, headers: { location: 'https://other.example/' } }),
    reason: `${discovery} answers 302`,
  },
  'shows a page': {
    discovery: () => ({ body: '<h1>Welcome</h1>' }),
    reason: `${discovery} is not what providers say: issuer`,
  },
  'says that it is another': {
    discovery: () => ({ json: metadata('https://other.example') }),
    reason: `${discovery} is of the issuer https://other.example`,
  },
  'has its keys where anybody could change them': {
    discovery: (issuer) => ({ json: { issuer, jwks_uri: 'http://other.example/jwks' } }),
    reason: `${discovery} is not what providers say: jwks_uri`,
  },
  'has lost its keys': { keys: { status: 404 }, reason: '/jwks answers 404, without keys' },
  'has no keys': { keys: { json: { keys: [] } }, reason: '/jwks answers 200, without keys' },
  'has something else for keys': {
    keys: { json: { keys: ['one'] } },
    reason: '/jwks answers 200, without keys',
  },
  'has a key that is none': {
    keys: { json: { keys: [{ ...key, n: '' }] } },
    reason: '/jwks has a key that cannot be used: ',
  },
}

/** A gateway whose provider is in trouble, and what it answers to a token of that provider. */
async function gateOf(ctx: TestWorld, { discovery, keys = 'hang up' }: Trouble) {
  const stub = await stubOfTheWire(({ url, headers }) => {
    if (url === '/jwks') return keys
    const issuer = `http://${headers.host}`
    return discovery ? discovery(issuer) : { json: metadata(issuer) }
  })
  onTestFinished(() => stub[Symbol.asyncDispose]())
  const issuer = stub.apiRoot.replace('/api', '')
  const own = { token: 'the token of the settings', oidcIssuer: issuer, maxFailedSignIns: 1 }
  const world = { ...ctx, config: { ...ctx.config, ...own } }
  const app = openGateway(world, { routes, forward: async () => new Response('reached') })
  const { privateKey } = await generateKeyPair('RS256')
  const token = await new SignJWT({ iss: issuer, aud: 'knit', sub: 'ann' })
    .setProtectedHeader({ alg: 'RS256', kid: key.kid })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
  const headers = { authorization: `Bearer ${token}` }
  return { issuer, token, ask: () => app.request('http://gate.local/api/data', { headers }) }
}

test.for(Object.entries(troubles))(
  'a provider that %s is nobody’s fault who signs in: they are told what to do, and admins why, once a while',
  async ([, trouble], { ctx }) => {
    const { issuer, token, ask } = await gateOf(ctx, trouble)
    for (let times = 0; times < 3; times++) {
      const response = await ask()
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      const { message } = (await response.json()) as { message: string }
      expect(message).toContain(`its provider ${issuer} does not answer as it should`)
      expect(message).toContain('tell an administrator')
      expect(message).not.toContain(trouble.reason)
    }
    const told = ctx.lines.map((line) => JSON.parse(line) as Record<string, string>)
    expect(told).toMatchObject([
      { level: 'warn', message: 'the provider of sign-ins cannot be used' },
    ])
    expect(told[0]?.['reason']).toContain(`${issuer}${trouble.reason}`)
    expect(ctx.lines.join('')).not.toContain(token)
  },
)
