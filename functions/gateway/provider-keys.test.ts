import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { ProviderAway } from '#shared/oidc/provider.ts'
import { providerKeys } from './provider-keys.ts'

const keys: JWK[] = []
beforeAll(async () => {
  for (const kid of ['one', 'two']) {
    const { publicKey } = await generateKeyPair('ES256')
    keys.push({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' })
  }
})

const from = 'https://provider.example/keys'
const unread = { payload: '', signature: '' }
const second = 1000
const minute = 60 * second

/** A provider that has the first so many of the keys, or is away. */
function provider() {
  let [time, reads, has, isAway] = [0, 0, 1, false]
  const told: unknown[] = []
  const find = providerKeys(
    async () => {
      reads += 1
      if (isAway) throw new ProviderAway('nothing listens there')
      return { keys: keys.slice(0, has), from }
    },
    { warn: (_, fields) => void told.push(fields?.['reason']), info: () => void told.push('over') },
    () => time,
  )
  return {
    find: async (kid: string) => find({ alg: 'ES256', kid }, unread),
    reads: () => reads,
    told,
    pass: (millis: number) => (time += millis),
    turnOver: () => (has = 2),
    goAway: () => (isAway = true),
    comeBack: () => (isAway = false),
  }
}

const unknown = { code: 'ERR_JWKS_NO_MATCHING_KEY' }

test('keys are read when the first token comes, once for all that come meanwhile', async () => {
  const { find, reads } = provider()
  expect(reads()).toBe(0)
  await Promise.all([find('one'), find('one'), find('one')])
  await find('one')
  expect(reads()).toBe(1)
})

test('a new key is found as soon as a token names it, half a minute after the last look', async () => {
  const { find, reads, pass, turnOver } = provider()
  await find('one')
  turnOver()
  pass(30 * second)
  await find('two')
  expect(reads()).toBe(2)
})

test('many tokens with keys that nobody has make one look, not one each', async () => {
  const { find, reads, pass } = provider()
  await find('one')
  pass(30 * second)
  for (let at = 0; at < 100; at++) {
    await expect(find(`none ${at}`)).rejects.toMatchObject(unknown)
    pass(100)
  }
  expect(reads()).toBe(2)
})

test('old keys are read again, and nobody waits for that', async () => {
  const { find, reads, pass, turnOver } = provider()
  await find('one')
  turnOver()
  pass(10 * minute + 1)
  await find('one')
  expect(reads()).toBe(2)
  await find('two')
  expect(reads()).toBe(2)
})

test('while the provider is away known keys do, for a day; of others nothing can be said', async () => {
  const { find, pass, goAway, comeBack } = provider()
  await find('one')
  goAway()
  pass(23 * 60 * minute)
  await find('one')
  await expect(find('two')).rejects.toThrow(ProviderAway)
  pass(61 * minute)
  await expect(find('one')).rejects.toThrow(ProviderAway)
  comeBack()
  pass(5 * second)
  await find('one')
})

test('a provider that was away is asked again 5 s later, not by every token', async () => {
  const { find, reads, pass, goAway, comeBack } = provider()
  goAway()
  for (let at = 0; at < 10; at++) await expect(find('one')).rejects.toThrow(ProviderAway)
  expect(reads()).toBe(1)
  comeBack()
  pass(5 * second)
  await find('one')
  expect(reads()).toBe(2)
})

test('an admin is told why it is away, also while known keys do: at once, once a minute, and when it is back', async () => {
  const { find, told, pass, goAway, comeBack } = provider()
  await find('one')
  goAway()
  pass(11 * minute)
  // Nobody waits for what is looked at here.
  await find('one')
  await new Promise(setImmediate)
  expect(told).toEqual(['nothing listens there'])
  for (let at = 0; at < 11; at++) {
    pass(5 * second)
    await expect(find('two')).rejects.toThrow(ProviderAway)
  }
  expect(told).toHaveLength(1)
  pass(5 * second)
  await expect(find('two')).rejects.toThrow(ProviderAway)
  expect(told).toEqual(['nothing listens there', 'nothing listens there'])
  comeBack()
  pass(5 * second)
  await find('one')
  await new Promise(setImmediate)
  expect(told.slice(2)).toEqual(['over'])
})

test('a key that is there and is none is told as the mistake of the provider that it is', async () => {
  const told: unknown[] = []
  const log = { warn: (_: string, fields?: object) => void told.push(fields), info: () => {} }
  const spoiled = [{ x: 'none' }, { x: undefined }, { d: keys[0]?.x }]
  for (const change of spoiled) {
    const read = async () => ({ keys: [{ ...keys[0], ...change } as JWK], from })
    const found = providerKeys(read, log)({ alg: 'ES256', kid: 'one' }, unread)
    await expect(found).rejects.toBeInstanceOf(ProviderAway)
  }
  const reason = expect.stringContaining(`${from} has a key that cannot be used: `)
  expect(told).toEqual(spoiled.map(() => ({ reason })))
})
