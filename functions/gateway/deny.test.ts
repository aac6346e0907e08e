import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, expect } from 'vitest'
import { openRoutes, routes } from '#shared/contracts/index.ts'
import type { Route } from '#shared/contracts/route.ts'
import { mayAct, roles } from '#shared/domain/role.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { hashOf, newSeed, secretOf as secretFrom } from '#shared/runtime/token-secret.ts'
import { test } from '#tests/support/api.ts'
import { startProvider, type TestProvider } from '#tests/support/provider.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { signingKey, type TestWorld } from '#tests/support/world.ts'
import { routeFunctions } from '../functions.generated.ts'
import { credentialOf } from './credential.ts'
import { openGateway } from './open-gateway.ts'

const key = new TextEncoder().encode(signingKey)
const jwt = (claims: object, audience: string) =>
  new SignJWT({ role: 'admin', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('eve')
    .setAudience(audience)
    .setIssuedAt()

/** Each is a way to have no valid identity for a route. */
const invalid: Record<string, (route: string) => string | Promise<string>> = {
  'no identity': () => '',
  'an identity that is no token': () => 'admin',
  'an identity signed with another key': (route) =>
    signIdentity({ name: 'eve', role: 'admin' }, route, `${signingKey}!`),
  'an identity with a changed role': async (route) => {
    const [head, body, signature] = (
      await signIdentity({ name: 'eve', role: 'viewer' }, route, signingKey)
    ).split('.')
    const claims = JSON.parse(Buffer.from(body ?? '', 'base64url').toString()) as object
    const changed = Buffer.from(JSON.stringify({ ...claims, role: 'admin' })).toString('base64url')
    return `${head}.${changed}.${signature}`
  },
  'an identity that is not signed': (route) =>
    new UnsecuredJWT({ role: 'admin' })
      .setSubject('eve')
      .setAudience(route)
      .setExpirationTime('1h')
      .encode(),
  'an identity signed in another way': (route) =>
    new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS512' })
      .setSubject('eve')
      .setAudience(route)
      .setExpirationTime('1h')
      .sign(key),
  'an expired identity': (route) => jwt({}, route).setExpirationTime('-10m').sign(key),
  'an identity that never expires': (route) => jwt({}, route).sign(key),
  'an identity for another audience': (route) =>
    signIdentity(
      { name: 'eve', role: 'admin' },
      route === 'runs.show' ? 'runs.find' : 'runs.show',
      signingKey,
    ),
  'an identity for nobody': (route) =>
    new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience(route)
      .setExpirationTime('1m')
      .sign(key),
  'an identity with an unknown role': (route) =>
    jwt({ role: 'root' }, route).setExpirationTime('1m').sign(key),
}

async function callWith(ctx: TestWorld, fn: (typeof routeFunctions)[number], token: string) {
  const { method, path } = fn.contract
  const url = `http://api.local${path.replace(/:\w+/g, '0d9fd6f0-0000-4000-8000-000000000000')}`
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (token !== '') headers[identityHeader] = token
  const body = method === 'post' || method === 'put' ? '{}' : undefined
  return fn.app(ctx).request(url, { method: method.toUpperCase(), headers, ...(body && { body }) })
}

const cases = routeFunctions.flatMap((fn) =>
  Object.keys(invalid).map((what) => [fn.name, what] as const),
)

test.for(cases)('%s refuses %s', async ([name, what], { ctx }) => {
  const fn = routeFunctions.find((one) => one.name === name)
  const token = (await invalid[what]?.(name)) ?? ''
  if (!fn) throw new Error('no such route')
  const response = await callWith(ctx, fn, token)
  expect(response.status).toBe(401)
  expect(await response.text()).toMatch(/^\{"message":"unauthorized\\n/)
})

const tooLow = routeFunctions.flatMap((fn) =>
  roles.slice(0, roles.indexOf(fn.contract.role)).map((role) => [fn.name, role] as const),
)

test('there are routes that a viewer may not call', () => {
  expect([...new Set(tooLow.map(([name]) => name))]).toEqual([
    'admin.audit',
    'admin.check',
    'admin.drop',
    'admin.events',
    'admin.garbage',
    'admin.hooks',
    'admin.replay',
    'data.push',
    'data.tag',
    'imports.begin',
    'imports.end',
    'plans.activate',
    'plans.annotate',
    'plans.apply',
    'plans.deactivate',
    'plans.resource',
    'plans.setaccount',
    'plans.unsetaccount',
    'runs.abort',
    'runs.delete',
    'runs.retry',
    'runs.tearoff',
    'tokens.create',
    'tokens.list',
    'tokens.revoke',
  ])
})

test.for(tooLow)('%s refuses a %s', async ([name, role], { ctx }) => {
  const fn = routeFunctions.find((one) => one.name === name)
  if (!fn) throw new Error('no such route')
  const response = await callWith(
    ctx,
    fn,
    await signIdentity({ name: 'eve', role }, name, signingKey),
  )
  expect(response.status).toBe(403)
  expect(await response.text()).toContain(fn.contract.role)
})

let provider: TestProvider
let stranger: TestProvider
beforeAll(async () => {
  ;[provider, stranger] = await Promise.all([startProvider(), startProvider()])
})
afterAll(async () => {
  await provider[Symbol.asyncDispose]()
  await stranger[Symbol.asyncDispose]()
})

/** The claims of an admin, in a token that the provider has not signed in its way. */
const asIfOf = () => {
  const claims = { groups: ['admins'], iss: provider.issuer, sub: 'eve', aud: 'knit' }
  return new SignJWT(claims).setIssuedAt().setExpirationTime('1h')
}
const admin = { groups: ['admins'] }

/** Each is a credential that lets nobody in, whatever they ask for. */
const useless: Record<string, (ctx: TestWorld) => string | Promise<string>> = {
  'no credential': () => '',
  'a scheme that is not known': async (ctx) => `Token ${await makeToken(ctx, 'scheme')}`,
  'a secret without scheme': async (ctx) => makeToken(ctx, 'bare'),
  'no secret': () => 'Bearer ',
  'a secret of another form': () => 'Bearer admin',
  'a secret that was cut': async (ctx) => `Bearer ${(await makeToken(ctx, 'cut')).slice(0, -1)}`,
  'a secret that nobody was given': () => `Bearer ${secretFrom(newSeed(), signingKey)}`,
  'the hash of a secret': async (ctx) =>
    `Bearer ${hashOf(await makeToken(ctx, 'hash')).toString('hex')}`,
  'an expired token': async (ctx) =>
    `Bearer ${await makeToken(ctx, 'old', { role: 'admin', state: 'expired' })}`,
  'a revoked token': async (ctx) =>
    `Bearer ${await makeToken(ctx, 'bad', { role: 'admin', state: 'revoked' })}`,
  'two tokens': async (ctx) =>
    `Bearer ${await makeToken(ctx, 'one')}, Bearer ${await makeToken(ctx, 'two')}`,
  'an identity between functions': async () =>
    `Bearer ${await signIdentity({ name: 'eve', role: 'admin' }, 'runs.show', signingKey)}`,
  'a signed token of another kind': async () =>
    `Bearer ${await jwt({}, 'gateway').setExpirationTime('1m').sign(key)}`,
  'the key that signs': () => `Bearer ${signingKey}`,
  "a provider's token for another": async () =>
    `Bearer ${await provider.sign({ ...admin, aud: 'another' })}`,
  "a provider's token for nobody": async () =>
    `Bearer ${await provider.sign({ ...admin, aud: undefined })}`,
  "a provider's token that has expired": async () =>
    `Bearer ${await provider.sign({ ...admin, exp: 1 })}`,
  "a provider's token that never expires": async () =>
    `Bearer ${await provider.sign({ ...admin, exp: undefined })}`,
  "a provider's token of tomorrow": async () =>
    `Bearer ${await provider.sign({ ...admin, nbf: Date.now() / 1000 + 86_400 })}`,
  'a token of another provider': async () => `Bearer ${await stranger.sign(admin)}`,
  'a token of another provider that says it is of ours': async () =>
    `Bearer ${await stranger.sign({ ...admin, iss: provider.issuer })}`,
  'a token by a key that the provider does not have': async () =>
    `Bearer ${await stranger.sign({ ...admin, iss: provider.issuer }, { kid: 'new' })}`,
  "a provider's token without signature": () =>
    `Bearer ${new UnsecuredJWT({ ...admin, iss: provider.issuer, sub: 'eve', aud: 'knit' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .encode()}`,
  "a token signed with the provider's public key as the secret": async () =>
    `Bearer ${await asIfOf()
      .setProtectedHeader({ alg: 'HS256', kid: 'of-the-provider' })
      .sign(new TextEncoder().encode(provider.publicKey))}`,
  'a token that brings its own key, or says where that is': async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256')
    const jwk = await exportJWK(publicKey)
    const own = { jwk, jku: `${stranger.issuer}/jwks`, x5u: `${stranger.issuer}/jwks` }
    return `Bearer ${await asIfOf()
      .setProtectedHeader({ alg: 'RS256', kid: 'of-the-provider', ...own })
      .sign(privateKey)}`
  },
  'a token of a megabyte': async () =>
    `Bearer ${await provider.sign({ ...admin, more: 'x'.repeat(1 << 20) })}`,
  "a provider's token with changed claims": async () => {
    const [head, body, signature] = (await provider.sign({ groups: [] })).split('.')
    const claims = JSON.parse(Buffer.from(body ?? '', 'base64url').toString()) as object
    const changed = Buffer.from(JSON.stringify({ ...claims, ...admin })).toString('base64url')
    return `Bearer ${head}.${changed}.${signature}`
  },
  "a provider's note that somebody has left": async () =>
    `Bearer ${await provider.sign({ ...admin, events: {} }, { typ: 'logout+jwt' })}`,
}

/** What the gateway lets somebody through to. */
type Door = Pick<Route, 'name' | 'method' | 'role'> & { path: string }

/** Routes, the metrics of the gateway itself, and what the admin has named. */
const doors: Door[] = [
  ...routes,
  { name: 'metrics', method: 'get', path: '/metrics', role: 'admin' },
  { name: 'extra', method: 'get', path: '/of-others/x', role: 'viewer' },
  { name: 'extra', method: 'put', path: '/of-others/x', role: 'user' },
]

// Without a socket nothing can be passed on to others.
const letThrough = ({ name }: Door): number => (name === 'extra' ? 500 : 200)

/** The gateway, with the token of the settings and those of the database; what it lets through reaches nobody. */
const gateOf = (ctx: TestWorld) =>
  openGateway(
    {
      ...ctx,
      config: {
        ...ctx.config,
        token: 'the token of the settings',
        maxFailedSignIns: 1e6,
        oidcIssuer: provider.issuer,
        oidcRoleClaim: 'groups',
        oidcViewers: ['viewers'],
        oidcUsers: ['users'],
        oidcAdmins: ['admins'],
        extraApis: ['/of-others=http://127.0.0.1:1'],
      },
    },
    {
      routes,
      forward: async () => new Response('reached'),
      tellMetrics: async () => new Response('told'),
    },
  )

async function knock(
  ctx: TestWorld,
  { method, path }: Pick<Door, 'method' | 'path'>,
  authorization: string,
) {
  const url = `http://gate.local${path.replace(/:\w+/g, 'x')}`
  return gateOf(ctx).request(url, { method: method.toUpperCase(), ...withThis(authorization) })
}

const withThis = (authorization: string): RequestInit =>
  authorization === '' ? {} : { headers: { authorization } }

test.for(Object.keys(useless))(
  'the gateway lets nobody in by %s, on any route',
  async (what, { ctx }) => {
    await ctx.sql`delete from token`
    const authorization = (await useless[what]?.(ctx)) ?? ''
    ctx.lines.length = 0
    for (const route of doors) {
      const response = await knock(ctx, route, authorization)
      expect({ route: route.name, status: response.status }).toEqual({
        route: route.name,
        status: 401,
      })
      expect(await response.text()).toMatch(/^\{"message":"unauthorized\\n/)
    }
    const told = ctx.lines.filter((line) => line.includes('a credential was refused'))
    const isBrought = credentialOf(new Request('http://gate.local', withThis(authorization)))
    expect(told.length).toBe(isBrought === undefined ? 0 : doors.length)
    for (const line of told) expect(JSON.parse(line)).toHaveProperty('reason')
    for (const part of authorization.split(/[ .,]+/))
      if (part.length > 9) expect(told.join('')).not.toContain(part)
  },
)

test.for(roles)(
  'the gateway lets a token of a %s through to what its role may do, and to nothing else',
  async (role, { ctx }) => {
    const authorization = `Bearer ${await makeToken(ctx, `a-${role}`, { role })}`
    for (const route of doors) {
      const response = await knock(ctx, route, authorization)
      const status = mayAct(role, route.role) ? letThrough(route) : 403
      expect({ route: route.name, status: response.status }).toEqual({ route: route.name, status })
    }
  },
)

test.for(roles)(
  'the gateway lets a %s of the provider through to what the role may do, and to nothing else',
  async (role, { ctx }) => {
    const authorization = `Bearer ${await provider.sign({ groups: [`${role}s`] })}`
    for (const route of doors) {
      const response = await knock(ctx, route, authorization)
      const status = mayAct(role, route.role) ? letThrough(route) : 403
      expect({ route: route.name, status: response.status }).toEqual({ route: route.name, status })
    }
  },
)

test('who has signed in at the provider and has no role here may do nothing', async ({ ctx }) => {
  const authorization = `Bearer ${await provider.sign({ groups: ['others'] })}`
  for (const route of doors) expect((await knock(ctx, route, authorization)).status).toBe(403)
})

test('everybody is told how to sign in, and nothing else', async ({ ctx }) => {
  for (const route of openRoutes) {
    const response = await knock(ctx, route, '')
    expect(await response.json()).toEqual({
      oidc: {
        issuer: provider.issuer,
        clientId: 'knit',
        scopes: ['openid', 'profile', 'email', 'offline_access'],
      },
    })
  }
})

test('the token of the settings may do everything', async ({ ctx }) => {
  for (const route of doors)
    expect((await knock(ctx, route, 'Bearer the token of the settings')).status).toBe(
      letThrough(route),
    )
})

test('what reads is for viewers, what changes something is not, and what is of admins is for them alone', () => {
  for (const { name, role, path, method } of routes) {
    const needed = path.startsWith('/api/admin/') ? 'admin' : method === 'get' ? 'viewer' : 'user'
    expect({ name, role }).toEqual({ name, role: needed })
  }
})

test('a route serves its own method and path, and nothing else', async ({ ctx }) => {
  for (const fn of routeFunctions) {
    const token = await signIdentity({ name: 'ann', role: 'admin' }, fn.name, signingKey)
    const { status } = await fn.app(ctx).request('http://api.local/api/other', {
      method: fn.contract.method.toUpperCase(),
      headers: { [identityHeader]: token },
    })
    expect(status).toBe(404)
  }
  const [count] = await ctx.sql`select count(*)::integer as runs from run`
  expect(count).toEqual({ runs: 0 })
})
