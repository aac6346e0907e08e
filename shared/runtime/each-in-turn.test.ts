import { expect, test } from 'vitest'
import { eachInTurn } from './each-in-turn.ts'

test('each is done after the one before, also after one that failed, and the first failure is told', async () => {
  const done: number[] = []
  const work = async (one: number) => {
    done.push(one)
    if (one > 1) throw new Error(`${one} failed`)
  }
  await expect(eachInTurn([1, 2, 3], work)).rejects.toThrow('2 failed')
  expect(done).toEqual([1, 2, 3])
})
