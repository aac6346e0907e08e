import {
  milestonesOf,
  type Origin,
  type RunHistory,
  type RunMove,
} from '#shared/domain/run-history.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { formatTime } from '#shared/domain/time.ts'
import { attemptsOf } from './run-view.ts'
import type { Queryable } from './sql.ts'

/** Everything that has happened to a run, which may itself be gone; undefined when there never was one of that id. */
export async function showHistory(sql: Queryable, runId: string): Promise<RunHistory | undefined> {
  const [moves, attempts, origin] = await Promise.all([
    movesOf(sql, runId),
    attemptsOf(sql, [runId]),
    originOf(sql, runId),
  ])
  if (moves.length === 0) return undefined
  const own = attempts.get(runId) ?? []
  return { runId, moves, attempts: own, milestones: milestonesOf(origin, moves, own) }
}

type MoveRow = {
  attempt: number
  from_status: RunStatus | null
  status: RunStatus
  at: Date
  claimed_at: Date | null
  actor: string
  reason: string | null
}

async function movesOf(sql: Queryable, runId: string): Promise<RunMove[]> {
  const rows = await sql<MoveRow[]>`
    select attempt, from_status, status, at, claimed_at, actor, reason
      from run_history
     where run_id = ${runId}
     order by id`
  return rows.map((row) => ({
    attempt: row.attempt,
    ...(row.from_status && { from: row.from_status }),
    status: row.status,
    at: formatTime(row.at),
    ...(row.claimed_at && { claimedAt: formatTime(row.claimed_at) }),
    by: row.actor,
    ...(row.reason !== null && { reason: row.reason }),
  }))
}

/**
 * Nominations tell it. One that was withdrawn and made again, when its tags went and came back, does not know any more; nor
 * do data whose tags were changed once more.
 */
async function originOf(sql: Queryable, runId: string): Promise<Origin> {
  const [row] = await sql<{ ready: Date | null; matched: Date | null }[]>`
    select max(greatest(
             data.ended_at,
             plan.created_at,
             case when data.tagged_at <= nomination.created_at then data.tagged_at end
           )) as ready,
           max(nomination.created_at) as matched
      from run
      join plan on plan.id = run.plan_id
      join assign on assign.run_id = run.id
      join data on data.id = assign.knit_id
      left join nomination
        on nomination.input_id = assign.input_id
       and nomination.knit_id = assign.knit_id
     where run.id = ${runId}
    having count(*) = count(nomination.created_at)
       and max(nomination.created_at) <= min(run.created_at)`
  if (!row?.ready || !row.matched) return {}
  return { ready: formatTime(row.ready), matched: formatTime(row.matched) }
}
