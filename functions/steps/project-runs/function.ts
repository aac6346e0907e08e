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

/** Projects the next due nominations of the plan, all for one input; false when none are left. */
async function projectSome(tx: Tx, planId: string, ctx: Context): Promise<boolean> {
  const [plan, due] = await Promise.all([
    holdPlan(tx, planId),
    takeTriggers(tx, planId, triggersAtOnce),
  ])
  const [first] = due
  if (!plan || !first) return false
  const triggers = due.filter(({ inputId }) => inputId === first.inputId)
  const others = plan.inputs.filter((inputId) => inputId !== first.inputId)
  const inputs = [first.inputId, ...others]

  const listed = await listCombinations(tx, triggers, others, combinationsAtOnce + 1)
  const combinations = listed.slice(0, combinationsAtOnce)
  const pairs = [...triggers, ...pairsOf(inputs, combinations)]
  const fits = await holdFitting(tx, pairs)
  const fitting = combinations.filter((combination) =>
    combination.every((knitId, index) => fits({ inputId: inputs[index] ?? 0, knitId })),
  )
  const beyond = listed[combinationsAtOnce]
  const unfit = pairs.filter((pair) => !fits(pair))
  await Promise.all([
    createRuns(tx, planId, inputs, fitting, plan.active, ctx.by),
    dropNominations(tx, unfit),
    settle(tx, triggers.filter(fits), combinations, beyond),
  ])
  return beyond !== undefined || due.length > triggers.length || due.length === triggersAtOnce
}

/** Every data of a combination with the input it is for, once. */
function pairsOf(inputs: readonly number[], combinations: readonly Combination[]): Trigger[] {
  return inputs.slice(1).flatMap((inputId, index) => {
    const knitIds = new Set(combinations.flatMap((combination) => combination[index + 1] ?? []))
    return [...knitIds].map((knitId) => ({ inputId, knitId }))
  })
}

/** Locks the data of the pairs, then looks again, in a later statement: only what fits under lock is true. */
async function holdFitting(tx: Tx, pairs: readonly Trigger[]): Promise<(pair: Trigger) => boolean> {
  const knitIds = [...new Set(pairs.map(({ knitId }) => knitId))]
  const [, found] = await Promise.all([holdData(tx, knitIds), recheck(tx, pairs)])
  const fitting = new Set(found.map(keyOf))
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
