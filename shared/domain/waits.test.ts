import { expect, test } from 'vitest'
import { explainWaits, type PlanQueue } from './waits.ts'

const room = (cpu: number, more: Record<string, number> = {}) =>
  new Map(Object.entries({ cpu, memory: 2 ** 33, ...more }))
const queue = (waiting: number, live: number, resources: Record<string, string> = { cpu: '1' }) =>
  ({ planId: 'p1', resources, live, waiting }) satisfies PlanQueue

test('a run waits for what there is too little of, and is told how much is free', () => {
  const queues = [queue(0, 5), queue(3, 0, { cpu: '4', memory: '1Gi' })]
  const explain = explainWaits(queues, room(8))
  expect(explain({ own: 1, before: 0 })).toBe(
    'it waits for cpu: 3 of 8 are free, it asks for 4; place 1 of 3',
  )
  expect(explain({ own: 1, before: 2 })).toMatch(/; place 3 of 3$/)
})

test('amounts of memory are told as people write them', () => {
  const queues = [queue(1, 3, { cpu: '1', memory: '2.25Gi' })]
  expect(explainWaits(queues, room(8))({ own: 0, before: 0 })).toBe(
    'it waits for memory: 1.2Gi of 8Gi are free, it asks for 2.25Gi; place 1 of 1',
  )
})

test('a run that would fit, but is not the first, waits for its turn', () => {
  const queues = [queue(1, 0, { cpu: '8' }), queue(1, 1)]
  const explain = explainWaits(queues, room(8))
  expect(explain({ own: 0, before: 0 })).toMatch(/^it waits for cpu: 7 of 8 .* place 1 of 2$/)
  expect(explain({ own: 1, before: 0 })).toBe('it waits for its turn; place 2 of 2')
})

test('a run that fits with all before it is about to go on', () => {
  expect(explainWaits([queue(2, 0), queue(9, 0)], room(4))({ own: 0, before: 1 })).toBe(
    'it is about to be admitted; place 3 of 11',
  )
})

test('a run before it that waits for what it does not need keeps it from nothing', () => {
  const gpus = [queue(1, 1, { cpu: '1', gpu: '1' }), queue(2, 1)]
  const explain = explainWaits(gpus, room(4, { gpu: 1 }))
  expect(explain({ own: 0, before: 0 })).toMatch(/^it waits for gpu: 0 of 1/)
  expect(explain({ own: 1, before: 0 })).toMatch(/^it is about to be admitted; place 2 of 3$/)
  expect(explain({ own: 1, before: 1 })).toMatch(/^it waits for its turn; place 3 of 3$/)
})

test('a run that fits, but beside more others than may be live, waits for one of those to end', () => {
  const queues = [queue(2, 2), queue(1, 1)]
  const full = explainWaits(queues, room(8), 3)
  expect(full({ own: 1, before: 0 })).toBe(
    'it waits for the end of another run: 3 may be live at a time (KNIT_LIVE_RUNS); place 1 of 3',
  )
  const one = explainWaits(queues, room(8), 4)
  expect(one({ own: 1, before: 0 })).toMatch(/^it is about to be admitted/)
  expect(one({ own: 0, before: 0 })).toBe('it waits for its turn; place 2 of 3')
})

test('a run whose plan has its share of those that may be live waits for one of its plan to end', () => {
  const explain = explainWaits([queue(2, 6), queue(1, 0)], room(9), 8)
  expect(explain({ own: 0, before: 0 })).toBe(
    'it waits for the end of another run of its plan: of the 8 that may be live at a time (KNIT_LIVE_RUNS) 2 are left to other plans; place 2 of 3',
  )
  expect(explain({ own: 1, before: 0 })).toMatch(/^it is about to be admitted/)
})

test('a run that was put back waits for no room that there is', () => {
  const explain = explainWaits([queue(2, 0), queue(1, 0, { cpu: '8' })], room(4))
  expect(explain({ own: 0, before: 1, putBack: true })).toBeUndefined()
  const full = explainWaits([queue(2, 4)], room(4))
  expect(full({ own: 0, before: 0, putBack: true })).toMatch(/^it waits for cpu/)
})

test('what can never fit is told so, and takes no place in the queue', () => {
  const queues = [queue(5, 0, { cpu: '64' }), queue(1, 2, { cpu: '3' })]
  const explain = explainWaits(queues, room(8))
  expect(explain({ own: 0, before: 4 })).toMatch(/^the plan asks for 64 cpu, .* more than 8 here/)
  expect(explain({ own: 1, before: 0 })).toMatch(/place 1 of 1$/)
})

test('what uses more than there is leaves nothing free, not less', () => {
  expect(explainWaits([queue(1, 9)], room(8))({ own: 0, before: 0 })).toMatch(
    /cpu: 0 of 8 are free/,
  )
})
