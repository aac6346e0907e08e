import { expect, test } from 'vitest'
import { Problem } from '#shared/contracts/problems.ts'
import { allowance } from './allowance.ts'
import { throttled } from './throttle.ts'

const asked = (secret: string) =>
  new Request('http://gate.local/', { headers: { authorization: `Bearer ${secret}` } })

/** A gateway that lets in who is good, with so many failures and requests a minute. */
function guard({ failures = 3, requests = 100 } = {}) {
  let [tried, time] = [0, 0]
  const isGood = new Set(['good', 'fine'])
  const signIn = throttled(
    async (request) => {
      tried += 1
      const [, secret = ''] = (request.headers.get('authorization') ?? '').split(' ')
      if (secret === 'away') throw new Error('connect ECONNREFUSED')
      if (secret === 'unknown') throw new Problem('unavailable', 'the provider is away')
      if (isGood.has(secret)) return { name: secret, role: 'user' }
      throw new Problem('unauthorized', 'no')
    },
    {
      failures: allowance({ times: failures, seconds: 60 }, () => time),
      requests: allowance({ times: requests, seconds: 60 }, () => time),
    },
  )
  const outcome = async (secret: string, address = '192.0.2.1') => {
    try {
      return (await signIn(asked(secret), address)).name
    } catch (error) {
      return error instanceof Problem ? error.code : 'error'
    }
  }
  return {
    outcome,
    signIn,
    isGood,
    tried: () => tried,
    pass: (seconds: number) => (time += seconds),
  }
}

test('who fails too often is not tried any more, until a while has passed', async () => {
  const { outcome, tried, pass } = guard()
  for (const guess of ['a', 'b', 'c']) expect(await outcome(guess)).toBe('unauthorized')
  expect(await outcome('d')).toBe('too-many-requests')
  // Also not with what would be right, or guessing would go on.
  expect(await outcome('good')).toBe('too-many-requests')
  expect(tried()).toBe(3)
  pass(20)
  expect(await outcome('good')).toBe('good')
})

test('the answer says when to try again', async () => {
  const { outcome, signIn } = guard({ failures: 1 })
  await outcome('a')
  await expect(signIn(asked('b'), '192.0.2.1')).rejects.toMatchObject({
    retryAfter: 60,
    message: expect.stringContaining('60 s'),
  })
})

test('others are not kept out by who guesses: those from elsewhere, and those who were let in before', async () => {
  const { outcome } = guard()
  expect(await outcome('fine')).toBe('fine')
  for (const guess of ['a', 'b', 'c', 'd']) await outcome(guess)
  expect(await outcome('good')).toBe('too-many-requests')
  expect(await outcome('fine')).toBe('fine')
  expect(await outcome('good', '198.51.100.7')).toBe('good')
})

test('what was good before and is so no more is a guess like any other', async () => {
  const { outcome, isGood, tried } = guard({ failures: 1 })
  await outcome('fine')
  isGood.delete('fine')
  expect(await outcome('fine')).toBe('unauthorized')
  expect(await outcome('fine')).toBe('too-many-requests')
  expect(tried()).toBe(2)
})

test('a network of IPv6 is one guesser, however many addresses it uses', async () => {
  const { outcome } = guard({ failures: 1 })
  await outcome('a', '2001:db8::1')
  expect(await outcome('b', '2001:db8::ffff:2')).toBe('too-many-requests')
  expect(await outcome('b', '2001:db8:0:1::1')).toBe('unauthorized')
})

test('a database, or a provider, that is away is nobody’s failure', async () => {
  const { outcome } = guard({ failures: 1 })
  for (const secret of ['away', 'away', 'away']) expect(await outcome(secret)).toBe('error')
  for (const secret of ['unknown', 'unknown']) expect(await outcome(secret)).toBe('unavailable')
  expect(await outcome('good')).toBe('good')
})

test('who asks very often has to wait, wherever they ask from, and nobody else', async () => {
  const { outcome, pass } = guard({ requests: 2 })
  expect([await outcome('good'), await outcome('good', '198.51.100.7')]).toEqual(['good', 'good'])
  expect(await outcome('good')).toBe('too-many-requests')
  expect(await outcome('fine')).toBe('fine')
  pass(30)
  expect(await outcome('good')).toBe('good')
})
