import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { expect, onTestFinished, vi } from 'vitest'
import { Problem, type ProblemCode } from '#shared/contracts/problems.ts'
import { cloneDatabase } from '#tests/support/database.ts'
import { makeWorld } from '#tests/support/functions.ts'
import { begin, openFront, send, test } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { until } from '#tests/support/until.ts'
import { lookAgain, lookedAtEvery } from './look-again.ts'

/** Lets the time pass that is counted in intervals, and by the clock that only goes forward. */
function passing() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const real = performance.now.bind(performance)
  let passed = 0
  const now = vi.spyOn(performance, 'now').mockImplementation(() => real() + passed)
  onTestFinished(() => {
    vi.useRealTimers()
    now.mockRestore()
  })
  return (looks = 1) => {
    passed += looks * lookedAtEvery * 1000
    vi.advanceTimersByTime(looks * lookedAtEvery * 1000)
  }
}

/** A front where one signs in, and who listens there by a token of bob. */
async function listening() {
  const looks = { count: 0 }
  const debug = (_: number, text: string) => {
    if (text.includes('from token where hash')) looks.count += 1
  }
  const { sql, drop } = await cloneDatabase({ debug })
  onTestFinished(drop)
  const world = makeWorld(sql)
  Object.assign(world.config, { token: 'of the settings', watchInterval: 0.01 })
  const front = await openFront(world)
  onTestFinished(() => front.close())
  const headers = { authorization: `Bearer ${await makeToken(world, 'bob')}` }
  const pass = passing()
  const request = begin(front, { path: '/api/events', headers })
  request.end()
  onTestFinished(() => void request.destroy())
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let heard = ''
  response.setEncoding('utf8').on('data', (piece: string) => (heard += piece))
  response.on('error', () => {})
  return {
    world,
    response,
    looks,
    pass,
    heard: () => heard,
    again: () => send(front, { path: '/api/whoami', headers }),
  }
}

test.for([
  ['was revoked', `update token set revoked_by = 'ann', revoked_at = now()`],
  ['has ended', 'update token set expires_at = now()'],
])('whose token %s is cut off from what they listen to', async ([, change = '']) => {
  const { world, response, pass, again } = await listening()
  const cut = new Promise((resolve) => response.once('close', resolve))
  await world.sql.unsafe(change)
  pass()
  await cut
  expect(response.complete).toBe(false)
  expect((await again()).status).toBe(401)
})

test('whose token is good goes on to listen, also when nobody could look it up for a while', async () => {
  const { world, looks, pass, heard } = await listening()
  const look = async () => {
    const before = looks.count
    pass()
    await until(() => looks.count > before)
  }
  await look()
  await world.sql`alter table token rename to away`
  await look()
  await world.sql`alter table away rename to token`
  await look()
  const { runId } = await makeRun(world)
  await until(() => heard().includes(runId))
})

const refuse = (code: ProblemCode) => async () => {
  throw new Problem(code, 'why')
}

test.for([
  ['unauthorized', true],
  ['forbidden', true],
  ['too-many-requests', false],
  ['unavailable', false],
] as const)('that somebody is %s cuts them off: %s', async ([code, isCut]) => {
  const pass = passing()
  const line = new PassThrough()
  const letIn = vi.fn(refuse(code))
  lookAgain(letIn, line)
  pass()
  await expect(letIn.mock.results[0]?.value).rejects.toThrow('why')
  expect(line.destroyed).toBe(isCut)
})

test('when the answer has ended nobody is looked at any more', async () => {
  const pass = passing()
  const line = new PassThrough()
  const letIn = vi.fn(async () => {})
  lookAgain(letIn, line)
  pass()
  const closed = once(line, 'close')
  line.destroy()
  await closed
  pass(5)
  expect(letIn).toHaveBeenCalledTimes(1)
})
