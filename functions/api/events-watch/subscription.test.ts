import { expect, test } from 'vitest'
import type { RunEvent } from '#shared/database/run-events.ts'
import { Subscription } from './subscription.ts'

const moves = (...ids: number[]) => ids.map((id) => ({ id }) as RunEvent)
const idsOf = (heard: RunEvent[] | undefined) => heard?.map(({ id }) => id)

const long = 600_000

test('what is heard lies there until it is asked for, and who asks before waits for it', async () => {
  const subscription = new Subscription(Promise.resolve(), 10, () => {})
  subscription.push(moves(1, 2))
  subscription.push(moves(3))
  expect(idsOf(await subscription.next(long))).toEqual([1, 2, 3])
  const later = subscription.next(long)
  subscription.push([])
  subscription.push(moves(4))
  expect(idsOf(await later)).toEqual([4])
  expect(await subscription.next(0)).toEqual([])
})

test('of what nobody takes no more is kept than that, and who asks then is told that it was more', async () => {
  const subscription = new Subscription(Promise.resolve(), 3, () => {})
  subscription.push(moves(1, 2))
  subscription.push(moves(3, 4))
  subscription.push(moves(5))
  expect(await subscription.next(long)).toBeUndefined()
  subscription.push(moves(6))
  expect(idsOf(await subscription.next(long))).toEqual([6])
})

test('whoever waits is let go when it is closed, or fails with the reason', async () => {
  let left = 0
  const closed = new Subscription(Promise.resolve(), 3, () => (left += 1))
  const waits = closed.next(long)
  closed.close()
  expect(await waits).toEqual([])
  closed.push(moves(1))
  expect([await closed.next(long), closed.isClosed, left]).toEqual([[], true, 1])
  const failed = new Subscription(Promise.resolve(), 3, () => {})
  const fails = failed.next(long)
  failed.close(new Error('away'))
  await expect(fails).rejects.toThrow('away')
})
