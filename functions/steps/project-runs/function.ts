import { combinations, type Candidates } from '#shared/domain/combinations.ts'
import {
  countNew,
  createRuns,
  dropNominations,
  endAllowance,
  holdData,
  holdPlan,
  leaveTrigger,
  listCandidates,
  pausePlan,
  recheck,
  settleTriggers,
  takeTriggers,
  type Combination,
  type Hold,
  type Pair,
  type Trigger,
} from '#shared/database/projection.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'

const triggersAtOnce = 1000

/** Creates a run for every new combination of a plan, batch by batch, each committed and visible. */
export default defineStep(
  'project-runs',
  async ({ data: { planId } }, ctx) => {
    let hold: Hold | undefined = 'together'
    while (hold) {
      const held: Hold = hold
      hold = await ctx.begin((tx) => projectSome(tx, { planId, hold: held }, ctx))
    }
  },
  { minScale: 1, concurrency: 2 },
)

/**
 * Projects the next due nominations of the plan, all for one input; gives back how to hold the plan for the next ones, undefined
 * when none are left. Whatever would change the plan is done only by who holds it alone: of several who hold it together and
 * wait for each other to let go, none would ever change it.
 */
async function projectSome(
  tx: Tx,
  { planId, hold }: { planId: string; hold: Hold },
  ctx: Context,
): Promise<Hold | undefined> {
  const [plan, due] = await Promise.all([
    holdPlan(tx, planId, hold),
    takeTriggers(tx, planId, triggersAtOnce),
  ])
  if (!plan || plan.paused) return undefined
  if (plan.allowed !== null && hold !== 'alone') return 'alone'
  const { combinationsAtOnce } = ctx.config
  const [first] = due
  if (!first) return plan.allowed === null ? undefined : ended(tx, planId)
  const triggers = due.filter(isOfOneProduct(first))
  const others = plan.inputs.filter((inputId) => inputId !== first.inputId)
  const inputs = [first.inputId, ...others]

  const candidates = await listCandidates(tx, others, first.cursor, combinationsAtOnce + 1)
  const listed = productsOf(triggers, candidates, combinationsAtOnce + 1)
  const chosen = listed.slice(0, combinationsAtOnce)
  const beyond = listed[combinationsAtOnce]
  const more = beyond !== undefined || due.length > triggers.length || due.length === triggersAtOnce
  const most = Math.max(ctx.config.maxCombinations, plan.allowed ?? 0)
  if (more || listed.length > most) {
    const count = await countNew(tx, { planId, inputs }, most)
    if (count > most && hold !== 'alone') return 'alone'
    if (count > most) return pause(tx, { planId, inputs, most }, ctx)
  }

  const pairs = [...triggers, ...pairsOf(inputs, chosen)]
  const fits = await holdFitting(tx, pairs)
  const fitting = chosen.filter((combination) =>
    combination.every((knitId, index) => fits({ inputId: inputs[index] ?? 0, knitId })),
  )
  const unfit = pairs.filter((pair) => !fits(pair))
  const dropAndSettle = async (): Promise<boolean> => {
    const isWhole = await dropNominations(tx, unfit)
    if (isWhole) await settle(tx, triggers.filter(fits), chosen, beyond)
    return isWhole
  }
  const [, isWhole] = await Promise.all([
    createRuns(tx, planId, inputs, fitting, plan.active, ctx.by),
    dropAndSettle(),
  ])
  // What is due still is told of by the sweep: who holds the rest may do so for long.
  if (!isWhole) return undefined
  if (!more && plan.allowed !== null) await endAllowance(tx, planId)
  return more ? 'together' : undefined
}

/** What can be listed at once: nominations for the same input, of which only the first is in the middle of its product. */
const isOfOneProduct = (first: Trigger) => (trigger: Trigger) =>
  trigger === first || (trigger.inputId === first.inputId && trigger.cursor === null)

/** The combinations of each trigger with all candidates for the other inputs, in order. */
function productsOf(
  triggers: readonly Trigger[],
  candidates: readonly Candidates[],
  limit: number,
): Combination[] {
  const products = triggers
    .values()
    .flatMap(({ knitId, cursor }) =>
      combinations(candidates, cursor ?? undefined).map((rest) => [knitId, ...rest]),
    )
  return [...products.take(limit)]
}

/** So many runs would be made that the plan waits for a user to allow it: how many is counted to the end only now. */
async function pause(
  tx: Tx,
  { planId, inputs, most }: { planId: string; inputs: readonly number[]; most: number },
  ctx: Context,
): Promise<undefined> {
  const count = await countNew(tx, { planId, inputs })
  await pausePlan(tx, planId, count)
  ctx.log.warn('a plan is paused: it would create too many runs', { planId, count, most })
}

/** Nothing is left of what a user allowed runs for. */
async function ended(tx: Tx, planId: string): Promise<undefined> {
  await endAllowance(tx, planId)
}

/** Every data of a combination with the input it is for, once. */
function pairsOf(inputs: readonly number[], chosen: readonly Combination[]): Pair[] {
  return inputs.slice(1).flatMap((inputId, index) => {
    const knitIds = new Set(chosen.flatMap((combination) => combination[index + 1] ?? []))
    return [...knitIds].map((knitId) => ({ inputId, knitId }))
  })
}

/** Locks the data of the pairs, then looks again, in a later statement: only what fits under lock is true. */
async function holdFitting(tx: Tx, pairs: readonly Pair[]): Promise<(pair: Pair) => boolean> {
  const knitIds = [...new Set(pairs.map(({ knitId }) => knitId))]
  const [, found] = await Promise.all([holdData(tx, knitIds), recheck(tx, pairs)])
  const fitting = new Set(found.map(keyOf))
  return (pair) => fitting.has(keyOf(pair))
}

const keyOf = ({ inputId, knitId }: Pair): string => `${inputId} ${knitId}`

/** Triggers whose product was seen to its end are projected; the one in the middle of its product goes on from there. */
async function settle(
  tx: Tx,
  triggers: readonly Trigger[],
  chosen: readonly Combination[],
  beyond: Combination | undefined,
): Promise<void> {
  const [first] = triggers
  if (!first) return
  const last = chosen.at(-1)
  const isDone = ({ knitId }: Trigger) => !beyond || knitId < (beyond[0] ?? '')
  const done = triggers.filter(isDone).map(({ knitId }) => knitId)
  await settleTriggers(tx, first.inputId, done)
  if (beyond && last && last[0] === beyond[0]) {
    const [knitId = '', ...cursor] = last
    await leaveTrigger(tx, { inputId: first.inputId, knitId }, cursor)
  }
}
