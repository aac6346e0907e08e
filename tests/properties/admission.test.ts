import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit, type PlanDemand } from '#shared/domain/admission.ts'
import { explainWaits } from '#shared/domain/waits.ts'

const plan = fc.record({
  resources: fc.record(
    { cpu: fc.constantFrom('0', '1', '2', '5'), gpu: fc.constantFrom('1', '2') },
    { requiredKeys: ['cpu'] },
  ),
  live: fc.nat(3),
  count: fc.nat(4),
})
const most = fc.record({ cpu: fc.nat(12), gpu: fc.nat(4), liveRuns: fc.nat(9) })
const demandsOf = (plans: { resources: object; live: number; count: number }[]): PlanDemand[] =>
  plans.map(({ resources, live, count }, own) => ({
    planId: `${own}`,
    resources: resources as Record<string, string>,
    live,
    waiting: Array.from({ length: count }, (_, before) => `${own} ${before}`),
  }))

/** What each waiting run is told, by id. */
function explained(
  demands: PlanDemand[],
  room: Map<string, number>,
  liveRuns?: number,
): Map<string, string> {
  const queues = demands.map((demand) => ({ ...demand, waiting: demand.waiting.length }))
  const explain = explainWaits(queues, room, liveRuns)
  return new Map(
    demands.flatMap(({ waiting }, own) =>
      waiting.map((runId, before) => [runId, explain({ own, before }) ?? '']),
    ),
  )
}

test('places are in the order in which runs are admitted when there is room for all', () => {
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 5 }), (plans) => {
      const demands = demandsOf(plans)
      const room = new Map([
        ['cpu', 1000],
        ['gpu', 1000],
      ])
      const { admitted } = admit(demands, room, Infinity)
      const told = explained(demands, room)
      expect(admitted.map((runId) => told.get(runId))).toEqual(
        admitted.map(
          (_, index) => `it is about to be admitted; place ${index + 1} of ${admitted.length}`,
        ),
      )
    }),
  )
})

test('those told to be about to be admitted are those that are admitted, whatever the room', () => {
  fc.assert(
    fc.property(fc.array(plan, { maxLength: 5 }), most, (plans, { cpu, gpu, liveRuns }) => {
      const demands = demandsOf(plans)
      const room = new Map([
        ['cpu', cpu],
        ['gpu', gpu],
      ])
      const { admitted, impossible } = admit(demands, room, Infinity, liveRuns)
      const told = explained(demands, room, liveRuns)
      const those = (start: string) =>
        [...told].flatMap(([runId, text]) => (text.startsWith(start) ? [runId] : []))
      expect(those('it is about to be admitted').toSorted()).toEqual(admitted.toSorted())
      expect(those('the plan asks').toSorted()).toEqual(
        impossible.map(({ runId }) => runId).toSorted(),
      )
    }),
  )
})
