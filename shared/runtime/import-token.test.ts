import { createHmac, randomUUID } from 'node:crypto'
import { CompactSign, decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import type { ImportTicket } from '#shared/domain/import-ticket.ts'
import { signIdentity } from './identity.ts'
import { signImport, verifyImport } from './import-token.ts'

const keys = { signingKey: 'a key for tests that is long enough to be one', release: 'here' }
const now = new Date('2026-01-02T03:04:05Z')
const seconds = now.getTime() / 1000
const ticket: ImportTicket = {
  jti: randomUUID(),
  knitId: randomUUID(),
  runId: randomUUID(),
  issuedAt: seconds,
  expiresAt: seconds + 1800,
}
const after = (more: number) => new Date((seconds + more) * 1000)

test('a token says what it is for, and is the same each time', async () => {
  const token = await signImport(ticket, keys)
  expect(await signImport(ticket, keys)).toBe(token)
  expect(decodeProtectedHeader(token)).toEqual({
    alg: 'HS256',
    typ: 'JWT',
    kid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  })
  expect(decodeJwt(token)).toEqual({
    jti: ticket.jti,
    sub: `data-knitid-${ticket.knitId}`,
    'knitfab/knitId': ticket.knitId,
    'knitfab/runId': ticket.runId,
    iss: 'here',
    aud: 'import',
    iat: seconds,
    exp: seconds + 1800,
  })
})

test('a token is good until it expires, also when another key signs by then', async () => {
  const token = await signImport(ticket, keys)
  for (const more of [0, 1799]) expect(await verifyImport(token, keys, after(more))).toEqual(ticket)
  expect(await verifyImport(token, keys, after(1800))).toBeUndefined()
  for (let start = 0; start < 12; start += 1) {
    const issuedAt = seconds + start * 900
    const later = { ...ticket, issuedAt, expiresAt: issuedAt + 1800 }
    const verified = await verifyImport(
      await signImport(later, keys),
      keys,
      after(start * 900 + 1799),
    )
    expect(verified).toEqual(later)
  }
})

test('keys change, and an old one is good for nothing', async () => {
  const kidOf = async (issuedAt: number) =>
    decodeProtectedHeader(await signImport({ ...ticket, issuedAt }, keys)).kid
  const [first, second] = [await kidOf(seconds), await kidOf(seconds + 3 * 3600)]
  expect(second).not.toBe(first)
  const longLived = await signImport({ ...ticket, expiresAt: seconds + 1e6 }, keys)
  expect(await verifyImport(longLived, keys, after(7 * 3600))).toBeUndefined()
})

const turn = Math.floor(seconds / 10_800)
const { kid = '' } = decodeProtectedHeader(await signImport(ticket, keys))
const head = { alg: 'HS256', typ: 'JWT', kid }

/** A token signed with the right key, but for what is changed. */
async function changed(change: {
  header?: object
  claims?: object
  key?: string | Uint8Array
}): Promise<string> {
  const payload = { ...decodeJwt(await signImport(ticket, keys)), ...change.claims }

  const own = createHmac('sha256', keys.signingKey).update(`import ${turn}`).digest()
  const key = change.key ?? own
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ ...head, ...change.header })
    .sign(typeof key === 'string' ? new TextEncoder().encode(key) : key)
}

test('the forger of these tests could make a good one', async () => {
  expect(await verifyImport(await changed({}), keys, now)).toEqual(ticket)
})

const forged: Record<string, () => Promise<string> | string> = {
  'no token': () => '',
  'no signature': async () =>
    `${(await signImport(ticket, keys)).split('.').slice(0, 2).join('.')}.`,
  'the algorithm none': () =>
    new UnsecuredJWT({ 'knitfab/knitId': ticket.knitId, 'knitfab/runId': ticket.runId })
      .setSubject(`data-knitid-${ticket.knitId}`)
      .setExpirationTime(seconds + 100)
      .encode(),
  'another algorithm': () => changed({ header: { alg: 'HS512' }, key: new Uint8Array(64).fill(1) }),
  'another key': () => changed({ key: 'another key that is long enough to be one' }),
  'the key of the release itself': () => changed({ key: keys.signingKey }),
  'an unknown kid': () => changed({ header: { kid: randomUUID() } }),
  'a kid that is a time': () => changed({ header: { kid: String(turn) } }),
  'a kid that is a path': () => changed({ header: { kid: '../../etc/passwd' } }),
  'no kid': () => changed({ header: { kid: undefined } }),
  'another type': () => changed({ header: { typ: 'at+jwt' } }),
  'a jku': () =>
    changed({ header: { jku: 'https://evil.test/keys', kid: 'theirs' }, key: 'x'.repeat(32) }),
  'an x5u': () =>
    changed({ header: { x5u: 'https://evil.test/cert', kid: 'theirs' }, key: 'x'.repeat(32) }),
  'a jwk of its own': () =>
    changed({
      header: { jwk: { kty: 'oct', k: Buffer.from('x'.repeat(32)).toString('base64url') } },
      key: 'x'.repeat(32),
    }),
  'another issuer': () => changed({ claims: { iss: 'elsewhere' } }),
  'another audience': () => changed({ claims: { aud: 'runs.show' } }),
  'no end': () => changed({ claims: { exp: undefined } }),
  'an end that has passed': () => changed({ claims: { exp: seconds - 1 } }),
  'no id of its own': () => changed({ claims: { jti: undefined } }),
  'a volume of other data': () => changed({ claims: { sub: `data-knitid-${randomUUID()}` } }),
  'a volume outside': () => changed({ claims: { sub: '../../etc' } }),
  'data that is no id': () =>
    changed({ claims: { 'knitfab/knitId': '../x', sub: 'data-knitid-../x' } }),
  'critical headers': () => changed({ header: { crit: ['b64'], b64: false } }),
  'an identity': () => signIdentity({ name: 'eve', role: 'admin' }, 'import', keys.signingKey),
  'a blank at the end': async () => `${await signImport(ticket, keys)} `,
  'a megabyte': () => 'x'.repeat(1 << 20),
  'a token of another kind': () =>
    new SignJWT({}).setProtectedHeader(head).sign(new TextEncoder().encode(keys.signingKey)),
}

test.for(Object.keys(forged))('%s lets nobody end an import', async (what) => {
  const token = await Promise.resolve(forged[what]?.()).catch(() => 'not even made')
  expect(await verifyImport(token ?? '', keys, now)).toBeUndefined()
})

test('a token is of one release, and of its key', async () => {
  const token = await signImport(ticket, keys)
  expect(await verifyImport(token, { ...keys, release: 'there' }, now)).toBeUndefined()
  const renewed = { ...keys, signingKey: 'another key for tests that is long enough' }
  expect(await verifyImport(token, renewed, now)).toBeUndefined()
})
