import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from '../../testing.ts'

const at = '2026-01-02T03:04:05.678+00:00'
const [eventId, runId] = [idOf('e1'), idOf('r1')]
const event = { eventId, name: 'run.ready', subject: runId, data: {}, time: at }
const dead = { step: 'start-run', cause: 'it always fails', times: 7, since: at, at }

test('admin events lists what waits, and with --dead what was given up', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [{ ...event, dead }] }))
  const project = projectFor(stub)
  const plain = await knit(['admin', 'events'], project)
  expect(plain.stderr).toBe('')
  expect(JSON.parse(plain.stdout)).toEqual([{ ...event, dead }])
  const { stdout } = await knit(['admin', 'events', '--dead', '--output', 'table'], project)
  expect(stdout).toMatch(
    new RegExp(`${eventId} .* run.ready +${runId} +start-run .* 7 +it always fails\n$`),
  )
  expect(stub.requests.map(({ url }) => url)).toEqual([
    '/api/admin/events?limit=100',
    '/api/admin/events?dead=true&limit=100',
  ])
})

test.for([
  ['replay', 'replayed'],
  ['drop', 'dropped'],
] as const)('admin events %s sends the ids, and says how many were %s', async ([verb, done]) => {
  await using stub = await stubOfTheWire(() => ({ json: { [done]: 2 } }))
  const { stdout } = await knit(['admin', 'events', verb, 'e1', 'e2'], projectFor(stub))
  expect(JSON.parse(stdout)).toEqual({ [done]: 2 })
  expect(stub.requests[0]).toMatchObject({ method: 'POST', url: `/api/admin/events/${verb}` })
  expect(JSON.parse(String(stub.requests[0]?.body))).toEqual({ eventIds: ['e1', 'e2'] })
})

test('admin events drop asks who sits at a terminal', async () => {
  await using stub = await stubOfTheWire(() => ({ status: 500 }))
  const stdin = Object.assign(Readable.from(['n\n']), { isTTY: true })
  const words = ['admin', 'events', 'drop', 'e1', 'e2']
  const { code, stderr } = await knit(words, projectFor(stub), { stdin, terminal: true })
  expect(code).toBe(0)
  expect(stderr).toContain('Forget 2 dead events? [y/N]')
  expect(stub.requests).toEqual([])
})

test('admin token revoke asks who sits at a terminal', async () => {
  await using stub = await stubOfTheWire(() => ({ status: 204 }))
  const revoke = async (said: string) => {
    const stdin = Object.assign(Readable.from([said]), { isTTY: true })
    const words = ['admin', 'token', 'revoke', 'ci']
    return (await knit(words, projectFor(stub), { stdin, terminal: true })).stderr
  }
  const refused = await revoke('n\n')
  expect(refused).toContain('Revoke the token "ci"? Who uses it is let in no more. [y/N]')
  expect(refused).toContain('nothing was done')
  expect(stub.requests).toEqual([])
  expect(await revoke('y\n')).toContain('ci: revoked')
  expect(stub.requests).toHaveLength(1)
})

test.for([
  [['replay'], 'there is no id of an event to replay'],
  [['drop'], 'there is no id of an event to drop'],
  [['mend', 'e1'], 'VERB: expected replay or drop'],
] as const)('admin events %s is a misuse', async ([words, message]) => {
  await using stub = await stubOfTheWire(() => ({ status: 500 }))
  const { code, stderr } = await knit(['admin', 'events', ...words], projectFor(stub))
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expect(stub.requests).toEqual([])
})

test('admin garbage lists volumes, and with --stuck those that could not be deleted', async () => {
  const stuck = { volume: 'v1', failures: 3, reason: 'still mounted', createdAt: at, dueAt: at }
  await using stub = await stubOfTheWire(() => ({ json: [stuck] }))
  const words = ['admin', 'garbage', '--stuck', '--output', 'table']
  const { stdout } = await knit(words, projectFor(stub))
  expect(stdout).toMatch(/v1 +\S+ +3 +still mounted\n$/)
  expect(stub.requests[0]?.url).toBe('/api/admin/garbage?stuck=true&limit=100')
})

test('admin hooks lists calls, and with --open those that no hook took', async () => {
  const told = { deliveryId: idOf('h1'), runId, attempt: 1, status: 'done', url: 'http://hook/' }
  const call = { ...told, state: 'due', failures: 3, error: 'it answered 500', createdAt: at }
  await using stub = await stubOfTheWire(() => ({ json: [call] }))
  const { stdout } = await knit(['admin', 'hooks', '--open', '--output', 'table'], projectFor(stub))
  expect(stdout).toMatch(/ +done +http:\/\/hook\/ +due +3 +it answered 500\n$/)
  expect(stub.requests[0]?.url).toBe('/api/admin/hooks?open=true&limit=100')
})
