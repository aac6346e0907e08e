import { expect, test } from 'vitest'
import { Cursor } from './cursor.ts'

const at = (seconds: number) => new Date(seconds * 1000)
const stateOf = ({ behind: { settled, known } }: Cursor) => ({ settled, known: [...known] })

test('what was told lately is known one by one, so that what comes between is told as well', () => {
  const cursor = new Cursor(10, 30)
  cursor.told([
    { id: 11, at: at(0) },
    { id: 14, at: at(5) },
  ])
  expect(stateOf(cursor)).toEqual({ settled: 10, known: [11, 14] })
})

test('what lies as long back as a transaction may take is settled', () => {
  const cursor = new Cursor(0, 30)
  cursor.told([
    { id: 1, at: at(0) },
    { id: 2, at: at(10) },
    { id: 5, at: at(35) },
  ])
  expect(stateOf(cursor)).toEqual({ settled: 1, known: [2, 5] })
  cursor.told([{ id: 4, at: at(9) }])
  expect(stateOf(cursor)).toEqual({ settled: 1, known: [2, 5, 4] })
  cursor.told([{ id: 9, at: at(100) }])
  expect(stateOf(cursor)).toEqual({ settled: 5, known: [9] })
})

test('nothing told changes nothing', () => {
  const cursor = new Cursor(7, 30)
  cursor.told([])
  expect(stateOf(cursor)).toEqual({ settled: 7, known: [] })
})
