import { expect, test } from 'vitest'
import { Problem } from '#shared/contracts/problems.ts'
import { tellRefusals } from './tell-refusals.ts'

const asked = (authorization?: string) =>
  new Request('http://gate.local/', { headers: authorization ? { authorization } : {} })

/** Signs in as told by `outcome`, and keeps what is said of it. */
function signingIn(outcome: () => Promise<never>) {
  let time = 0
  const told: [string, object?][] = []
  const log = { warn: (...line: [string, object?]) => void told.push(line) }
  const signIn = tellRefusals(outcome, log, () => time)
  const knock = (authorization?: string) =>
    expect(signIn(asked(authorization), '192.0.2.1')).rejects.toThrow()
  return { told, knock, pass: (seconds: number) => (time += seconds) }
}

const checked = Object.assign(new Error('bad'), { code: 'ERR_BAD', payload: 'what it holds' })
const refused = () =>
  Promise.reject(new Problem('unauthorized', 'It has expired.', { cause: checked }))

test('why a credential was refused is told, and where it came from', async () => {
  const { told, knock } = signingIn(refused)
  await knock('Bearer a secret')
  expect(told).toEqual([
    [
      'a credential was refused',
      { reason: 'It has expired.', code: 'ERR_BAD', address: '192.0.2.1' },
    ],
  ])
})

test('who has signed in and may do nothing is told of; who has brought nothing, or has to wait, is not', async () => {
  const { told, knock } = signingIn(() =>
    Promise.reject(new Problem('forbidden', 'ann has no role')),
  )
  await knock('Bearer a secret')
  expect(told).toMatchObject([['a credential was refused', { reason: 'ann has no role' }]])
  await knock()
  for (const code of ['too-many-requests', 'unavailable'] as const) {
    const other = signingIn(() => Promise.reject(new Problem(code, 'later')))
    await other.knock('Bearer a secret')
    expect(other.told).toEqual([])
  }
  const bug = signingIn(() => Promise.reject(new Error('a bug')))
  await bug.knock('Bearer a secret')
  expect(bug.told).toEqual([])
  expect(told).toHaveLength(1)
})

test('who tries very often fills no disk', async () => {
  const { told, knock, pass } = signingIn(refused)
  for (let tries = 0; tries < 200; tries++) await knock('Bearer a secret')
  expect(told).toHaveLength(60)
  pass(60)
  await knock('Bearer a secret')
  expect(told.slice(60)).toMatchObject([
    ['more credentials were refused', { count: 140 }],
    ['a credential was refused', {}],
  ])
})
