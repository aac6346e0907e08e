import {
  dropMatchTasks,
  leaveMatchTask,
  matchData,
  matchPlan,
  takeMatchTasks,
} from '#shared/database/matching.ts'
import { tell } from '#shared/database/outbox.ts'
import { sqlState } from '#shared/database/sql.ts'
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

/** Matches the oldest facts in one transaction; false when there was none. */
async function matchSome(ctx: Context): Promise<boolean> {
  try {
    return await ctx.begin(async (tx) => {
      const tasks = await takeMatchTasks(tx, tasksAtOnce)
      const [plan] = tasks.filter((task) => task.planId !== null)
      const aboutData = tasks.filter((task) => task.knitId !== null)
      const nominated = await matchData(
        tx,
        aboutData.flatMap(({ knitId }) => knitId ?? []),
      )
      await dropMatchTasks(
        tx,
        aboutData.map(({ id }) => id),
      )
      if (plan?.planId) {
        // A plan may fit very many data: one page of them in a transaction.
        const { made, next } = await matchPlan(tx, plan.planId, plan.cursor, pairsAtOnce)
        if (next === undefined) await dropMatchTasks(tx, [plan.id])
        else await leaveMatchTask(tx, plan.id, next)
        if (made > 0) nominated.push(plan.planId)
      }
      for (const planId of new Set(nominated))
        await tell(tx, 'data.nominated', planId, { planId }, ctx.by)
      return tasks.length > 0
    })
  } catch (error) {
    // A data was deleted after it had been read: match again what is there now.
    if (sqlState(error) === deletedMeanwhile) return true
    throw error
  }
}
