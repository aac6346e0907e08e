import { tell } from '#shared/database/outbox.ts'
import {
  createRuns,
  dropNominations,
  holdData,
  holdPlan,
  leaveTrigger,
  listCombinations,
  recheck,
  settleTriggers,
  takeTriggers,
  type Combination,
  type Trigger,
} from '#shared/database/projection.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'

const triggersAtOnce = 1000
const combinationsAtOnce = 1000

/** Creates a run for every new combination of a plan, batch by batch, each committed and visible. */
export default defineStep(
  'project-runs',
  async ({ data: { planId } }, ctx) => {
    while (await ctx.begin((tx) => projectSome(tx, planId, ctx))) continue
  },
  { minScale: 1, concurrency: 2 },
)

/** Projects the next due nominations of the plan; false when there was none. */
async function projectSome(tx: Tx, planId: string, ctx: Context): Promise<boolean> {
  const plan = await holdPlan(tx, planId)
  if (!plan) return false
  const triggers = await takeTriggers(tx, planId, plan.inputs, triggersAtOnce)
  const [first] = triggers
  if (!first) return false
  const others = plan.inputs.filter((inputId) => inputId !== first.inputId)
  const inputs = [first.inputId, ...others]

  const listed = await listCombinations(tx, triggers, others, combinationsAtOnce + 1)
  const combinations = listed.slice(0, combinationsAtOnce)
  const pairs = [...triggers, ...pairsOf(inputs, combinations)]
  const fits = await holdFitting(tx, pairs)
  const fitting = combinations.filter((combination) =>
    combination.every((knitId, index) => fits({ inputId: inputs[index] ?? 0, knitId })),
  )
  if (fitting.length > 0) {
    const created = await createRuns(tx, planId, inputs, fitting, plan.active, ctx.by)
    const status = plan.active ? 'run.waiting' : 'run.deactivated'
    if (created > 0) await tell(tx, status, planId, { planId }, ctx.by)
  }
  await dropNominations(
    tx,
    pairs.filter((pair) => !fits(pair)),
  )
  await settle(tx, triggers.filter(fits), combinations, listed[combinationsAtOnce])
  return true
}

/** Every data of a combination with the input it is for, once. */
function pairsOf(inputs: readonly number[], combinations: readonly Combination[]): Trigger[] {
  return inputs.slice(1).flatMap((inputId, index) => {
    const knitIds = new Set(combinations.flatMap((combination) => combination[index + 1] ?? []))
    return [...knitIds].map((knitId) => ({ inputId, knitId }))
  })
}

/** Locks the data of the pairs, then looks again: only what fits under lock is true. */
async function holdFitting(tx: Tx, pairs: readonly Trigger[]): Promise<(pair: Trigger) => boolean> {
  await holdData(tx, [...new Set(pairs.map(({ knitId }) => knitId))])
  const fitting = new Set((await recheck(tx, pairs)).map(keyOf))
  return (pair) => fitting.has(keyOf(pair))
}

const keyOf = ({ inputId, knitId }: Trigger): string => `${inputId} ${knitId}`

/** Triggers whose product was seen to its end are projected; the one in the middle of its product goes on from there. */
async function settle(
  tx: Tx,
  triggers: readonly Trigger[],
  combinations: readonly Combination[],
  beyond: Combination | undefined,
): Promise<void> {
  const [first] = triggers
  if (!first) return
  const last = combinations.at(-1)
  const isDone = ({ knitId }: Trigger) => !beyond || knitId < (beyond[0] ?? '')
  const done = triggers.filter(isDone).map(({ knitId }) => knitId)
  await settleTriggers(tx, first.inputId, done)
  if (beyond && last && last[0] === beyond[0]) {
    const [knitId = '', ...cursor] = last
    await leaveTrigger(tx, { inputId: first.inputId, knitId }, cursor)
  }
}
