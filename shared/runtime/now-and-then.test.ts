import { expect, test } from 'vitest'
import type { Context } from './context.ts'
import { nowAndThen } from './now-and-then.ts'

const at = (time: number, config = {}) =>
  ({ config, clock: { now: () => new Date(time) } }) as Context

test('a part is done again when so long has passed, whichever way, and by each installation', async () => {
  const done: number[] = []
  const part = nowAndThen(1000, async ({ clock }) => void done.push(clock.now().getTime()))
  const config = {}
  for (const time of [5000, 5999, 6000, 6001, 4000]) await part(at(time, config))
  expect(done).toEqual([5000, 6000, 4000])
  await part(at(4001))
  expect(done).toEqual([5000, 6000, 4000, 4001])
})

test('a part that failed is done at the next tick', async () => {
  let tries = 0
  const part = nowAndThen(1000, async () => {
    tries += 1
    if (tries === 1) throw new Error('the cluster is away')
  })
  const config = {}
  await expect(part(at(5000, config))).rejects.toThrow('the cluster is away')
  await part(at(5001, config))
  await part(at(5002, config))
  expect(tries).toBe(2)
})
