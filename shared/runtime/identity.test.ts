import { SignJWT, UnsecuredJWT, generateKeyPair } from 'jose'
import { afterEach, expect, test, vi } from 'vitest'
import { mayAct } from '#shared/domain/role.ts'
import { signIdentity, verifyIdentity } from './identity.ts'

const key = 'a key for tests that is long enough to be one'
const bytes = new TextEncoder().encode(key)
const ann = { name: 'ann', role: 'user' } as const

afterEach(() => {
  vi.useRealTimers()
})

/** A token like ours, but for what is changed. */
const forge = (claims: Record<string, unknown> = {}, audience = 'runs.show') =>
  new SignJWT({ role: 'user', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ann')
    .setAudience(audience)
    .setIssuedAt()

test('whom a token speaks for is known to its audience', async () => {
  expect(await verifyIdentity(await signIdentity(ann, 'runs.show', key), 'runs.show', key)).toEqual(
    ann,
  )
})

test('a token for another route speaks for nobody', async () => {
  const token = await signIdentity(ann, 'runs.show', key)
  expect(await verifyIdentity(token, 'runs.find', key)).toBeUndefined()
})

test('a token is good for a minute, and a minute of skew', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const token = await signIdentity(ann, 'runs.show', key)
  vi.setSystemTime(Date.now() + 119_000)
  expect(await verifyIdentity(token, 'runs.show', key)).toEqual(ann)
  vi.setSystemTime(Date.now() + 2000)
  expect(await verifyIdentity(token, 'runs.show', key)).toBeUndefined()
})

test('who calls again is signed for once more only when that is of use for long enough', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const first = await signIdentity(ann, 'runs.show', key)
  vi.setSystemTime(Date.now() + 19_000)
  expect(await signIdentity(ann, 'runs.show', key)).toBe(first)
  vi.setSystemTime(Date.now() + 2000)
  const second = await signIdentity(ann, 'runs.show', key)
  expect(second).not.toBe(first)
  // A clock that was set back would have it signed in the future.
  vi.setSystemTime(Date.now() - 3_600_000)
  const third = await signIdentity(ann, 'runs.show', key)
  expect(third).not.toBe(second)
  expect(await verifyIdentity(third, 'runs.show', key)).toEqual(ann)
})

test('what is remembered of one caller, route or key is not taken for another', async () => {
  const token = await signIdentity(ann, 'runs.show', key)
  expect(await verifyIdentity(token, 'runs.show', key)).toEqual(ann)
  const others = [
    await signIdentity({ ...ann, role: 'admin' }, 'runs.show', key),
    await signIdentity({ ...ann, address: '192.0.2.7' }, 'runs.show', key),
    await signIdentity({ ...ann, name: 'eve' }, 'runs.show', key),
    await signIdentity(ann, 'runs.find', key),
    await signIdentity(ann, 'runs.show', `${key}!`),
  ]
  expect(new Set([token, ...others]).size).toBe(6)
  expect(await verifyIdentity(token, 'runs.find', key)).toBeUndefined()
  expect(await verifyIdentity(token, 'runs.show', `${key}!`)).toBeUndefined()
})

test('no token, or text that is none, speaks for nobody', async () => {
  for (const token of [undefined, '', 'x', 'a.b.c', 'x'.repeat(1_000_000)])
    expect(await verifyIdentity(token, 'runs.show', key)).toBeUndefined()
})

test('a token that is unsigned, signed otherwise, or with another key speaks for nobody', async () => {
  const claims = { role: 'admin', sub: 'eve', aud: 'runs.show', exp: Date.now() / 1000 + 60 }
  const { privateKey } = await generateKeyPair('RS256')
  const forged = [
    new UnsecuredJWT(claims).encode(),
    await signIdentity(ann, 'runs.show', `${key}!`),
    await new SignJWT(claims).setProtectedHeader({ alg: 'HS512' }).sign(bytes),
    await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey),
  ]
  for (const token of forged) expect(await verifyIdentity(token, 'runs.show', key)).toBeUndefined()
})

test('a token whose claims were changed speaks for nobody', async () => {
  const [head = '', , signature = ''] = (await signIdentity(ann, 'runs.show', key)).split('.')
  const claims = { role: 'admin', sub: 'ann', aud: 'runs.show', exp: 9e9 }
  const body = Buffer.from(JSON.stringify(claims)).toString('base64url')
  expect(await verifyIdentity(`${head}.${body}.${signature}`, 'runs.show', key)).toBeUndefined()
})

test('a token without an end, or with a role nobody has, speaks for nobody', async () => {
  const endless = await forge().sign(bytes)
  const strange = await forge({ role: 'root' }).setExpirationTime('60s').sign(bytes)
  expect(await verifyIdentity(endless, 'runs.show', key)).toBeUndefined()
  expect(await verifyIdentity(strange, 'runs.show', key)).toBeUndefined()
})

test('each role may do what those before it may, and no more', () => {
  expect(mayAct('viewer', 'viewer')).toBe(true)
  expect(mayAct('viewer', 'user')).toBe(false)
  expect(mayAct('user', 'viewer')).toBe(true)
  expect(mayAct('user', 'admin')).toBe(false)
  expect(mayAct('admin', 'user')).toBe(true)
})
