import { expect, onTestFinished, test, vi } from 'vitest'
import { withoutPauses } from '#shared/client/without-pauses.ts'
import { stubOfTheWire, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import type { Context } from '../context.ts'
import { signInByDevice } from './device-flow.ts'

const device = { device_code: 'secret', user_code: 'ABCD-EFGH', expires_in: 600, interval: 7 }
const tokens = { access_token: 'access', refresh_token: 'refresh', expires_in: 60 }
const refuses = (error: string): StubAnswer => ({ status: 400, json: { error } })

type Wish = {
  answers?: (StubAnswer | 'hang up')[]
  given?: object
  metadata?: object
  audience?: string
}

/** Signs in at a provider that answers so, one answer for each question; gives back what became of it, and the pauses. */
async function signIn({ answers = [], given = {}, metadata = {}, audience = 'api' }: Wish) {
  withoutPauses()
  const pauses = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => pauses.mockRestore())
  await using stub = await stubOfTheWire(({ url, headers }) => {
    const issuer = `http://${headers.host}`
    if (url === '/token') return answers.shift() ?? refuses('authorization_pending')
    if (url === '/device')
      return { json: { ...device, verification_uri: `${issuer}/go`, ...given } }
    const ends = {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      token_endpoint: `${issuer}/token`,
      device_authorization_endpoint: `${issuer}/device`,
    }
    return { json: { ...ends, ...metadata } }
  })
  const issuer = stub.apiRoot.replace('/api', '')
  let told = ''
  const ctx = {
    stderr: { write: (text: string) => (told += text) },
    signal: new AbortController().signal,
  } as unknown as Context
  const client = { issuer, clientId: 'knit', scopes: ['openid', 'email'], audience }
  const outcome = await signInByDevice(client, ctx).catch((error: unknown) => error)
  const forms = stub.requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => Object.fromEntries(new URLSearchParams(body.toString())))
  const waits = pauses.mock.calls.map(([, millis]) => Number(millis) / 1000)
  return { outcome, told, forms, waits: waits.filter((wait) => wait >= 5) }
}

test('it asks as slowly as the provider wants it, and slower while that is away', async () => {
  const pending = refuses('authorization_pending')
  const { outcome, waits, forms } = await signIn({
    answers: [pending, refuses('slow_down'), pending, 'hang up', pending, { json: tokens }],
  })
  expect(outcome).toMatchObject({ token: 'access', refreshToken: 'refresh' })
  expect(waits).toEqual([7, 7, 12, 12, 24, 24])
  expect(forms[0]).toEqual({ client_id: 'knit', scope: 'openid email', audience: 'api' })
  expect(forms[1]).toMatchObject({ client_id: 'knit', device_code: 'secret' })
})

test.for([
  [[refuses('access_denied')], 'whoever had the code said no'],
  [[refuses('expired_token')], 'nobody has signed in with the code in time'],
  [[], 'nobody has signed in with the code in time'],
  [[refuses('invalid_client')], /refuses: invalid_client$/],
  [
    ['hang up', refuses('invalid_grant')],
    /the answer of \S+ did not arrive, and the code is used up$/,
  ],
  [[{ status: 502 }, refuses('invalid_grant')], /did not arrive/],
  [[refuses('invalid_grant')], /refuses: invalid_grant$/],
  [[{ json: { token_type: 'Bearer' } }], /gives no access token$/],
] as [(StubAnswer | 'hang up')[], string | RegExp][])(
  '%j ends it: %s',
  async ([answers, message]) => {
    const { outcome } = await signIn({ answers })
    expect(outcome).toMatchObject({ name: 'Failure', message: expect.stringMatching(message) })
  },
)

test('what a provider says does nothing to a terminal, and leads to nothing but pages', async () => {
  const { told } = await signIn({
    given: { user_code: 'AB\u001b[2J' },
    answers: [{ json: tokens }],
  })
  expect(told).toContain('AB\\u001b[2J')
  const elsewhere = await signIn({ given: { verification_uri: 'javascript:alert(1)' } })
  expect(elsewhere).toMatchObject({ told: '', outcome: { name: 'Failure' } })
})

test('a provider that is another than it says, or has no device codes, is not used', async () => {
  const other = await signIn({ metadata: { issuer: 'https://other.example' } })
  expect(other.outcome).toMatchObject({
    name: 'ProviderAway',
    message: expect.stringContaining('is of the issuer https://other.example'),
  })
  const none = await signIn({ metadata: { device_authorization_endpoint: undefined } })
  expect(none.outcome).toMatchObject({ message: expect.stringContaining('by a device code') })
  const open = await signIn({ metadata: { token_endpoint: 'http://192.0.2.1/token' } })
  expect(open.outcome).toMatchObject({ name: 'ProviderAway' })
})

test('an audience that is a URL is asked for as a resource, too', async () => {
  const audience = 'https://knit.example/api'
  const { forms } = await signIn({ audience, answers: [{ json: tokens }] })
  expect(forms[1]).toMatchObject({ audience, resource: audience })
})
