import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit, turns, type PlanDemand } from './admission.ts'
import { sum } from './room.ts'

const room = (cpu: number, more: Record<string, number> = {}) =>
  new Map(Object.entries({ cpu, memory: 100, ...more }))
const demand = (waiting: string[], more: Partial<PlanDemand> = {}): PlanDemand => ({
  planId: 'p1',
  resources: { cpu: '1', memory: '1' },
  live: 0,
  waiting,
  ...more,
})

test('as many go on as there is room for, the oldest first', () => {
  expect(admit([demand(['a', 'b', 'c'])], room(2), 10)).toEqual({
    admitted: ['a', 'b'],
    impossible: [],
  })
})

test('runs that are live take their room', () => {
  expect(
    admit([demand(['a', 'b'], { live: 2 }), demand([], { live: 1 })], room(4), 10).admitted,
  ).toEqual(['a'])
})

test('turns go to the plan with the fewest live runs', () => {
  const demands = [demand(['a1', 'a2', 'a3'], { live: 2 }), demand(['b1', 'b2', 'b3', 'b4'])]
  expect(admit(demands, room(6), 10).admitted.toSorted()).toEqual(['a1', 'b1', 'b2', 'b3'])
})

test('a plan with a thousand runs takes one turn for one of another', () => {
  const many = Array.from({ length: 1000 }, (_, index) => `m${index}`)
  expect(admit([demand(many), demand(['o'])], room(2), 10).admitted).toEqual(['m0', 'o'])
})

test('no more runs are live than may be, whatever the room', () => {
  const demands = [demand(['a1', 'a2'], { live: 2 }), demand(['b1', 'b2'])]
  expect(admit(demands, room(99), 10, 4).admitted).toEqual(['b1', 'b2'])
  expect(admit(demands, room(99), 10, 2).admitted).toEqual([])
  expect(admit(demands, room(99), 10, 1).admitted).toEqual([])
})

test('a plan alone has three quarters of the runs that may be live, and the rest are for others', () => {
  const many = Array.from({ length: 9 }, (_, index) => `m${index}`)
  const alone = demand(many)
  expect(admit([alone], room(99), 10, 8).admitted).toHaveLength(6)
  const others = [demand(many, { live: 6 }), demand(['o1', 'o2', 'o3'])]
  expect(admit(others, room(99), 10, 8).admitted).toEqual(['o1', 'o2'])
})

test('who comes next goes on, however many runs of those before never end, and no more are live than may be', () => {
  // With the number of plans that one after another take all they are given.
  const limits = fc
    .nat(5)
    .chain((before) => fc.tuple(fc.constant(before), fc.integer({ min: 4 ** before, max: 2000 })))
  fc.assert(
    fc.property(limits, ([before, liveRuns]) => {
      const live: number[] = []
      const goOn = (waiting: number) => {
        const queues = live.map((had) => ({ limits: {}, live: had, waiting: 0 }))
        const own = { limits: {}, live: 0, waiting }
        return [...turns([...queues, own], room(0), { liveRuns })].length
      }
      for (let plan = 0; plan < before; plan += 1) live.push(goOn(10 * liveRuns))
      expect(goOn(1)).toBe(1)
      expect(sum([...live, goOn(10 * liveRuns)])).toBeLessThanOrEqual(liveRuns)
    }),
  )
})

test('a large run whose turn it is, is not starved by small ones', () => {
  const large = demand(['large'], { resources: { cpu: '4', memory: '1' } })
  const small = demand(['s1', 's2', 's3'], { live: 2 })
  expect(admit([small, large], room(5), 10).admitted).toEqual([])
  expect(admit([{ ...small, live: 1 }, large], room(5), 10).admitted).toEqual(['large'])
})

test('who waits for a resource keeps nobody waiting who needs none of it', () => {
  const gpu = demand(['g1', 'g2'], { resources: { cpu: '1', gpu: '1' }, live: 1 })
  const plain = demand(['a', 'b', 'c', 'd'], { live: 3 })
  // Of the six one is held for the first that waits for a gpu.
  expect(admit([gpu, plain], room(6, { gpu: 1 }), 10).admitted).toEqual(['a'])
})

test('what can never fit is told with the reason, and holds no other back', () => {
  const large = demand(['x', 'y'], { resources: { cpu: '8', memory: '1' } })
  const strange = demand(['z'], { resources: { cpu: '1', 'example.test/gpu': '1' } })
  const decision = admit([large, strange, demand(['a'])], room(4), 10)
  expect(decision.admitted).toEqual(['a'])
  expect(decision.impossible).toEqual([
    { runId: 'x', reason: expect.stringMatching(/8 cpu.* 4 .*knit plan resource p1 --set cpu=4 /) },
    { runId: 'y', reason: expect.stringMatching(/8 cpu.* 4 .*knit plan resource p1 --set cpu=4 /) },
    {
      runId: 'z',
      reason: expect.stringMatching(/knit plan resource p1 --unset example\.test\/gpu /),
    },
  ])
})

test('custom resources are counted like others, and one of which none is asked needs not exist', () => {
  const gpu = demand(['a', 'b'], { resources: { cpu: '1', gpu: '1', tpu: '0' } })
  expect(admit([gpu], room(9, { gpu: 1 }), 10).admitted).toEqual(['a'])
})

test('a negative quantity makes no room for others', () => {
  const odd = demand(['odd'], { resources: { cpu: '-100', memory: '1' }, live: 1 })
  expect(admit([odd, demand(['a', 'b'], { live: 1 })], room(2), 10).admitted.toSorted()).toEqual([
    'a',
    'odd',
  ])
})

test('no more are admitted at a time than asked for, and the demands are left as they were', () => {
  const demands = [demand(['a', 'b', 'c'])]
  expect(admit(demands, room(9), 2).admitted).toEqual(['a', 'b'])
  expect(demands).toEqual([demand(['a', 'b', 'c'])])
})
