import { expect, test } from 'vitest'
import type { RunEvent } from '#shared/database/run-events.ts'
import { Ear } from './ear.ts'

const moves = (...ids: number[]) => ids.map((id) => ({ id }) as RunEvent)
const idsOf = (heard: RunEvent[] | undefined) => heard?.map(({ id }) => id)

const long = 600_000

test('what is heard lies there until it is asked for, and who asks before waits for it', async () => {
  const ear = new Ear(Promise.resolve(), 10, () => {})
  ear.hear(moves(1, 2))
  ear.hear(moves(3))
  expect(idsOf(await ear.next(long))).toEqual([1, 2, 3])
  const later = ear.next(long)
  ear.hear([])
  ear.hear(moves(4))
  expect(idsOf(await later)).toEqual([4])
  expect(await ear.next(0)).toEqual([])
})

test('of what nobody takes no more is kept than that, and who asks then is told that it was more', async () => {
  const ear = new Ear(Promise.resolve(), 3, () => {})
  ear.hear(moves(1, 2))
  ear.hear(moves(3, 4))
  ear.hear(moves(5))
  expect(await ear.next(long)).toBeUndefined()
  ear.hear(moves(6))
  expect(idsOf(await ear.next(long))).toEqual([6])
})

test('whoever waits is let go when it is closed, or fails with the reason', async () => {
  let left = 0
  const closed = new Ear(Promise.resolve(), 3, () => (left += 1))
  const waits = closed.next(long)
  closed.close()
  expect(await waits).toEqual([])
  closed.hear(moves(1))
  expect([await closed.next(long), closed.isClosed, left]).toEqual([[], true, 1])
  const failed = new Ear(Promise.resolve(), 3, () => {})
  const fails = failed.next(long)
  failed.close(new Error('away'))
  await expect(fails).rejects.toThrow('away')
})
