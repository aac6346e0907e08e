import {
  dropMatchTasks,
  leaveMatchTask,
  matchData,
  matchPlan,
  takeMatchTasks,
  type MatchTask,
} from '#shared/database/matching.ts'
import { settleCount } from '#shared/database/projection.ts'
import { sqlState, type Tx } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'

const tasksAtOnce = 200
const pairsAtOnce = 20_000
const deletedMeanwhile = '23503'

/** Records which data fit which inputs, fact by fact, until no fact is left. */
export default defineStep(
  'match-data',
  async (_event, ctx) => {
    while (await matchSome(ctx)) continue
  },
  { minScale: 1, concurrency: 2 },
)

/** Matches the oldest facts in one transaction; false when none are left. */
async function matchSome(ctx: Context): Promise<boolean> {
  try {
    // The facts are forgotten by the transaction that matches them: what is lost is matched again.
    return await ctx.begin((tx) => matchTasks(tx, ctx), { durable: false })
  } catch (error) {
    // A data was deleted after it had been read: match again what is there now.
    if (sqlState(error) === deletedMeanwhile) return true
    throw error
  }
}

async function matchTasks(tx: Tx, ctx: Context): Promise<boolean> {
  const tasks = await takeMatchTasks(tx, tasksAtOnce)
  const plan = tasks.find((task) => task.planId !== null)
  const data = tasks.filter((task) => task.knitId !== null)
  await Promise.all([
    matchData(
      tx,
      data.flatMap(({ knitId }) => knitId ?? []),
      ctx.by,
    ),
    dropMatchTasks(
      tx,
      data.map(({ id }) => id),
    ),
  ])
  if (plan) await matchSomeOfPlan(tx, plan, ctx)
  return plan !== undefined || tasks.length === tasksAtOnce
}

/** A plan may fit very many data: one page of them in a transaction. */
async function matchSomeOfPlan(
  tx: Tx,
  { id, planId, cursor }: MatchTask,
  ctx: Context,
): Promise<void> {
  const plan = planId ?? ''
  const next = await matchPlan(tx, plan, cursor, pairsAtOnce, ctx.by)
  if (next !== undefined) return leaveMatchTask(tx, id, next)
  await dropMatchTasks(tx, [id])
  await settleCount(tx, plan)
}
