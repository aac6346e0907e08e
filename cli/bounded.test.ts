import { expect, test } from 'vitest'
import { bounded } from './bounded.ts'

test('no more calls run at a time than allowed, and all come to an end in order', async () => {
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const started: number[] = []
  const ask = bounded(async (index: number) => {
    started.push(index)
    await gates[index]?.promise
    if (index === 1) throw new Error('one')
    return index
  }, 2)
  const calls = gates.map((_, index) => ask(index).catch(() => -1))
  await Promise.resolve()
  expect(started).toEqual([0, 1])
  gates[1]?.resolve()
  await calls[1]
  await Promise.resolve()
  expect(started).toEqual([0, 1, 2])
  for (const gate of gates) gate.resolve()
  expect(await Promise.all(calls)).toEqual([0, -1, 2, 3, 4])
})
