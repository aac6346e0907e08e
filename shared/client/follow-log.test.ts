import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { ConnectionError } from './api-error.ts'
import { connectApi } from './connect.ts'
import { followLog } from './follow-log.ts'
import { lookups } from './test-lookups.ts'
import { resumed } from './resumed.ts'
import { stubOfTheWire, type StubAnswer } from './stub-of-the-wire.ts'
import { idOf, sampleRun } from './wire-samples.ts'
import { withoutPauses } from './without-pauses.ts'

const lines = Array.from({ length: 2000 }, (_, index) => `line ${index}\n`).join('')

/** What is read of a log when these are the answers, and what is told besides. */
async function followed(...answers: (StubAnswer | 'hang up')[]) {
  withoutPauses()
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const told: string[] = []
  const read = await text(
    followLog(connectApi(stub), idOf('r1'), {
      onAway: (_, seconds) => told.push(`away for ${seconds}`),
      onNotYet: (why) => told.push(why),
      onAnew: () => told.push('anew'),
    }),
  )
  return { read, told, left: answers.length, asked: stub.requests.map(({ url }) => url) }
}

test('a log is read until its program ends', async () => {
  const { read, asked } = await followed({ body: lines })
  expect(read).toBe(lines)
  expect(asked).toEqual([`/api/runs/${idOf('r1')}/log?follow=`])
})

test.each([0, 1, 5, 6, 7, 4000, lines.length - 1, lines.length])(
  'no line is lost or doubled when the line breaks behind byte %d',
  async (at) => {
    const { read, told } = await followed({ body: lines.slice(0, at), cut: true }, { body: lines })
    expect(read).toBe(lines)
    expect(told).toEqual([])
  },
)

test('who is cut off as their sign-in has ended goes on with the next one, with no line lost or doubled', async () => {
  withoutPauses()
  const cut: StubAnswer = { body: lines.slice(0, 4000), cut: true }
  const answers: StubAnswer[] = [cut, { status: 401 }, { body: lines }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  let secret = 'old'
  const token = { secret: async () => secret, another: async () => (secret = 'new') }
  const read = await text(followLog(connectApi({ apiRoot: stub.apiRoot, token }), idOf('r1')))
  expect(read).toBe(lines)
  const asked = stub.requests.map(({ headers }) => headers.authorization)
  expect(asked).toEqual(['Bearer old', 'Bearer old', 'Bearer new'])
})

test('it breaks as often as it likes, as long as something new comes between', async () => {
  const cuts = Array.from({ length: 20 }, (_, index) => ({
    body: lines.slice(0, (index + 1) * 100),
    cut: true,
  }))
  expect((await followed(...cuts, 'hang up', { body: lines })).read).toBe(lines)
})

test('a server that was there is waited for, which is told once, until it says what no waiting mends', async () => {
  const cuts = Array.from({ length: 9 }, (): StubAnswer => ({ body: 'one\n', cut: true }))
  const { read, told } = await followed(...cuts, { status: 504 }, { body: 'one\ntwo\n' })
  expect({ read, told }).toEqual({ read: 'one\ntwo\n', told: ['away for Infinity'] })
  await expect(followed(...cuts, { status: 401 })).rejects.toMatchObject({ status: 401 })
})

test('a log goes on when the name of its server could not be looked up for a while', async () => {
  withoutPauses()
  const answers: StubAnswer[] = [{ body: 'one\n', cut: true }, { body: 'one\ntwo\n' }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? { status: 404 })
  lookups(['127.0.0.1'], 'lost', 'lost', ['127.0.0.1'])
  const api = connectApi({ apiRoot: stub.apiRoot.replace('127.0.0.1', 'localhost') })
  expect(await text(followLog(api, idOf('r1')))).toBe('one\ntwo\n')
})

test('a server that never was there is given up', async () => {
  await expect(followed()).rejects.toThrow('the connection was closed before an answer')
})

test('a run that has not begun is waited for, which is told once', async () => {
  const notYet = { status: 503, json: { code: 'not-yet', detail: 'It is ready.' } }
  const bare = { status: 503, json: { message: 'please retry later' } }
  const { read, told } = await followed(notYet, notYet, bare, { body: lines })
  expect({ read, told }).toEqual({ read: lines, told: ['It is ready.'] })
})

test('a server that cannot is no run that has not begun', async () => {
  const away = { status: 503, json: { code: 'unavailable', detail: 'no' } }
  await expect(followed(away)).rejects.toMatchObject({ code: 'unavailable' })
})

test('a server that fails to follow a program that is being started is asked until it can', async () => {
  const run = sampleRun('r1', {})
  const fails: StubAnswer = { status: 500, json: { message: 'unexpected error' } }
  const shown = (status: typeof run.status) => ({ json: { ...run, status } })
  const starting = [fails, shown('starting')]
  const { read, told } = await followed(...starting, ...starting, { body: lines })
  expect({ read, told }).toEqual({ read: lines, told: ['its program is being started'] })
  await expect(followed(fails, shown('running'))).rejects.toMatchObject({ status: 500 })
})

test('the log of a run that has begun once more is shown from its first line', async () => {
  const { read, told } = await followed(
    { body: 'first try\nit fai', cut: true },
    { body: 'second try\nall is well\n' },
    { body: 'second try\nall is well\n' },
  )
  expect(read).toBe('first try\nit faisecond try\nall is well\n')
  expect(told).toEqual(['anew'])
})

test('a log that has become shorter is another, too', async () => {
  const { read } = await followed(
    { body: 'first try\n', cut: true },
    { body: 'x\n' },
    { body: 'x\n' },
  )
  expect(read).toBe('first try\nx\n')
})

test('who interrupts is not told that a line broke', async () => {
  const interrupt = new AbortController()
  const told: string[] = []
  async function* broken() {
    yield Buffer.from('line 1\n')
    interrupt.abort()
    throw new ConnectionError('the connection broke', undefined)
  }
  const { signal } = interrupt
  const opened = async () => ({ pieces: broken(), from: 0 })
  const read = text(resumed(opened, { signal, onAway: () => told.push('away') }))
  await expect(read).rejects.toThrow('aborted')
  expect(told).toEqual([])
})
