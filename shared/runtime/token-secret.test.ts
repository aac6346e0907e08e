import { expect, test } from 'vitest'
import { hashOf, isTokenSecret, newSeed, secretOf } from './token-secret.ts'

const key = 'a key for tests that is long enough to be one'
const secret = secretOf('seed', key)

test('a secret is known at sight, by people and by scanners', () => {
  expect(secret).toMatch(/^knit_[0-9a-f]{72}$/)
  expect(isTokenSecret(secret)).toBe(true)
})

test('the secret of a seed is the same for who knows the key, and another for everybody else', () => {
  expect(secretOf('seed', key)).toBe(secret)
  expect(secretOf('seed', `${key}!`)).not.toBe(secret)
  expect(secretOf('seed2', key)).not.toBe(secret)
  expect(newSeed()).not.toBe(newSeed())
})

test('what was cut, lengthened or mistyped is no secret', () => {
  const wrong = [
    '',
    'knit_',
    secret.slice(0, -1),
    secret.slice(5),
    `${secret}0`,
    ` ${secret}`,
    `${secret}\n`,
    secret.toUpperCase(),
    secret.replace('knit_', 'knot_'),
  ]
  for (let at = 5; at < secret.length; at += 1) {
    const other = secret[at] === '0' ? '1' : '0'
    wrong.push(secret.slice(0, at) + other + secret.slice(at + 1))
  }
  expect(wrong.filter(isTokenSecret)).toEqual([])
})

test('what is kept of a secret is its SHA-256, and no two have the same', () => {
  expect(hashOf('abc').toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})
