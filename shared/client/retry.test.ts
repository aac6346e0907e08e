import { expect, onTestFinished, test, vi } from 'vitest'
import { ApiError, ConnectionError } from './api-error.ts'
import { retried } from './retry.ts'

const failing = (code: string) => () =>
  Promise.reject(new ConnectionError('away', Object.assign(new Error(code), { code })))

/** What became of it, and after how many milliseconds of a clock that only this test moves. */
async function settled(asked: () => Promise<unknown>): Promise<{ error: unknown; after: number }> {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const begun = Date.now()
  const outcome = asked().then(
    () => ({ error: undefined, after: Date.now() - begun }),
    (error: unknown) => ({ error, after: Date.now() - begun }),
  )
  await vi.runAllTimersAsync()
  return outcome
}

test.for(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'])(
  'a server that stays away (%s) is asked for five seconds, and this is said once',
  async (code) => {
    const onAway = vi.fn()
    const ask = vi.fn(failing(code))
    const { error, after } = await settled(() => retried(ask, { onAway }))
    expect(error).toMatchObject({ name: 'ConnectionError', code })
    expect({ after, tries: ask.mock.calls.length }).toEqual({ after: 5000, tries: 7 })
    expect(onAway.mock.calls).toEqual([[error, 4]])
  },
)

test('a server that is back before people wonder is asked again in silence', async () => {
  const onAway = vi.fn()
  const ask = vi.fn(failing('ECONNREFUSED'))
  for (let times = 0; times < 3; times += 1) ask.mockImplementationOnce(failing('ECONNREFUSED'))
  ask.mockImplementation((() => Promise.resolve('here')) as never)
  const { error, after } = await settled(() => retried(ask, { onAway }))
  expect({ error, after }).toEqual({ error: undefined, after: 700 })
  expect(onAway).not.toHaveBeenCalled()
})

test('no patience helps where a host is unknown', async () => {
  const ask = vi.fn(failing('ENOTFOUND'))
  expect(await settled(() => retried(ask))).toMatchObject({ after: 0 })
  expect(ask).toHaveBeenCalledTimes(1)
})

test.for([429, 503])('a server that asks for patience (%d) is asked four times', async (status) => {
  const ask = vi.fn(() => Promise.reject(new ApiError('runs.show', status, { detail: 'later' }, 2)))
  const { error, after } = await settled(() => retried(ask))
  expect(error).toMatchObject({ status })
  expect({ after, tries: ask.mock.calls.length }).toEqual({ after: 6000, tries: 4 })
})
