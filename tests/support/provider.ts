import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from 'jose'
import { Provider } from 'oidc-provider'

const deviceCode = 'urn:ietf:params:oauth:grant-type:device_code'
const kid = 'of-the-provider'

/** A provider of OpenID Connect, with a client `knit` of the device flow, and of pages of this machine. */
export type TestProvider = AsyncDisposable & {
  issuer: string
  /** What it was asked for, by path. */
  asked: string[]
  publicKey: string
  /** A token signed with its key: for the client `knit`, unless the claims say otherwise. */
  sign(claims?: JWTPayload, header?: { kid?: string; typ?: string }): Promise<string>
  /** From now on the address answers nothing but errors. */
  goAway(): void
  /** From now on nobody is answered who asks for tokens, until that is called which this gives back. */
  holdTokens(): () => void
}

/** Somebody's groups are what comes behind the dash of their name: `ann-team` is of the group `team`. */
const groupsOf = (id: string): string[] => id.split('-').slice(1)

const account = (id: string) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    email: `${id}@example.org`,
    email_verified: true,
    groups: groupsOf(id),
  }),
})

export async function startProvider(): Promise<TestProvider> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const key = { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' }
  const server = http.createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const serve = new Provider(issuer, {
    jwks: { keys: [key] },
    clients: [
      {
        client_id: 'knit',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: [deviceCode, 'authorization_code', 'refresh_token'],
        response_types: ['code'],
        // Of this machine, at whatever port (RFC 8252).
        redirect_uris: ['http://127.0.0.1/console'],
      },
    ],
    features: {
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      // Who asks for a resource is given a JWT for it (RFC 9068).
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: '', accessTokenFormat: 'jwt' }),
      },
    },
    extraTokenClaims: (_: unknown, { accountId }: { accountId: string }) => ({
      groups: groupsOf(accountId),
    }),
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['of a test'] },
    findAccount: (_: unknown, id: string) => account(id),
  }).callback()
  const asked: string[] = []
  let isAway = false
  let held: Promise<void> | undefined
  server.on('request', async (request, response) => {
    const { pathname } = new URL(request.url ?? '', issuer)
    asked.push(pathname)
    if (pathname === '/token') await held
    if (isAway) response.writeHead(500).end()
    else serve(request, response)
  })
  return {
    issuer,
    asked,
    publicKey: await exportSPKI(publicKey),
    sign: (claims, header) =>
      new SignJWT({ iss: issuer, aud: 'knit', sub: 'ann', groups: ['team'], ...inTime, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid, ...header })
        .sign(privateKey),
    goAway: () => (isAway = true),
    holdTokens() {
      const hold = Promise.withResolvers<void>()
      held = hold.promise
      return hold.resolve
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const seconds = Math.floor(Date.now() / 1000)
const inTime = { iat: seconds, exp: seconds + 3600 }

/** Goes through the pages of a provider as somebody would in a browser, and agrees to all; gives back the last page, and where it is. */
export async function signInAs(
  login: string,
  start: string,
): Promise<{ url: string; text: string }> {
  const jar = new Map<string, string>()
  let page = await visit(start, jar)
  for (let pages = 0; pages < 8; pages++) {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1]
    if (action === undefined) break
    const form = new URLSearchParams({ ...inputsOf(page.text), login, password: 'any' })
    page = await visit(new URL(action, page.url).href, jar, form)
  }
  return page
}

const inputsOf = (html: string): Record<string, string> =>
  Object.fromEntries(
    [...html.matchAll(/<input[^>]*>/g)].map(([tag]) => [
      /name="([^"]*)"/.exec(tag)?.[1] ?? '',
      /value="([^"]*)"/.exec(tag)?.[1] ?? '',
    ]),
  )

async function visit(url: string, jar: Map<string, string>, body?: URLSearchParams) {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { cookie },
    ...(body && { method: 'POST', body }),
  })
  for (const set of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
    jar.set(name, value)
  }
  const next = response.headers.get('location')
  if (next !== null) return visit(new URL(next, url).href, jar)
  return { url, text: await response.text() }
}
