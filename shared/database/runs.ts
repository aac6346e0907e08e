import { randomUUID } from 'node:crypto'
import type { RunExit } from '#shared/domain/run-summary.ts'
import type { FailureCause } from '#shared/domain/run.ts'
import { type Next, type RunStatus } from '#shared/domain/run-states.ts'
import { toldPerPlan } from '#shared/contracts/events.ts'
import { dropOutputs } from './garbage.ts'
import { rememberedTrace, type By } from './outbox.ts'
import { relax, storable, type Fragment, type Queryable, type Sql, type Tx } from './sql.ts'

/** A run that somebody serves: it may be moved only while status, attempt and claim are these. */
export type Claimed<F extends RunStatus = RunStatus> = {
  id: string
  planId: string
  status: F
  attempt: number
  claim: string
  /** How often the step of this status has failed for it, and how often a hook has kept it from going on. */
  failures: number
  hookFailures: number
  /** That of the worker the attempt was begun with, once it was: one of the same name may be another. */
  workerUid?: string | null
  /** The trace in which it was made, or tried again, where that is recorded. */
  traceparent?: string | null
  /** Whoever held it before was silent for longer than the lease. */
  isTakenOver?: boolean
  /** Of one that has moved: a step was woken for it while it was held. */
  isHinted?: boolean
}

/** Of a row that is being claimed, the claim it had: what is read by itself is as it was before the statement. */
export const isTakenOver = (sql: Queryable, table: 'run' | 'hook_delivery'): Fragment => sql`
  (select claim is not null from ${sql(table)} as before where before.id = ${sql(table)}.id)`

/** Of a run: a hook, or the step of its status, has failed for it. */
export const isPutBack = (sql: Queryable): Fragment => sql`(run.failures + run.hook_failures > 0)`

/** Of a run: it is not to be looked at yet, by a clock that was not set back since it was served or moved, of which milliseconds are kept. */
export const isLater = (sql: Queryable): Fragment => sql`
  (run.due_at > now() and greatest(run.claimed_at, run.updated_at) < now() + interval '1 ms')`

/**
 * Claims a run for a step, if it is in one of the statuses and nobody else serves it; undefined when there is nothing to do.
 * One that failed lately is left alone until it is due; whoever else serves it learns, as it gives it back, that a step was woken.
 */
export async function claimRun<F extends RunStatus>(
  sql: Queryable,
  runId: string,
  statuses: readonly F[],
  step: string,
  leaseSeconds: number,
): Promise<Claimed<F> | undefined> {
  const claim = randomUUID()
  const isFree = sql`(claim is null or claimed_until < now())`
  // In one statement: between two of them it could be given back. A claim that a failing server loses was nobody's any more.
  const [run] = await sql<Claimed<F>[]>`
    with relaxed as materialized (${relax(sql)})
    update run
       set claim = case when ${isFree} then ${claim}::uuid else claim end,
           claimed_by = case when ${isFree} then ${step} else claimed_by end,
           claimed_at = case when ${isFree} then now() else claimed_at end,
           claimed_until = case when ${isFree} then now() + ${leaseSeconds} * interval '1 second' else claimed_until end,
           hinted = not ${isFree}
      from relaxed
     where id = ${runId}
       and status = any (${[...statuses]}::text[])
       and case when ${isFree} then not (${isPutBack(sql)} and ${isLater(sql)}) else not hinted end
    returning id, plan_id as "planId", status, attempt, claim, failures, hook_failures as "hookFailures",
              traceparent,
              (select worker_uid from attempt where run_id = run.id and number = run.attempt) as "workerUid",
              ${isTakenOver(sql, 'run')} as "isTakenOver"`
  return run?.claim === claim ? run : undefined
}

/** Holds a claim for longer; false when it is no longer ours. */
export async function renewClaim(sql: Sql, run: Claimed, leaseSeconds: number): Promise<boolean> {
  const { count } = await sql`
    update run
       set claimed_until = now() + ${leaseSeconds} * interval '1 second'
     where id = ${run.id}
       and claim = ${run.claim}`
  return count > 0
}

/** Gives a claim back with nothing changed; the sweep looks again after `seconds`. True when a step was woken for it meanwhile. */
export async function releaseRun(
  sql: Sql,
  run: Claimed,
  seconds: number,
  reason?: string,
): Promise<boolean> {
  const [released] = await sql<{ hinted: boolean }[]>`
    update run
       set claim = null,
           claimed_by = null,
           claimed_until = null,
           failures = 0,
           hook_failures = 0,
           due_at = now() + ${seconds} * interval '1 second',
           reason = ${reason === undefined ? null : storable(reason)}
     where id = ${run.id}
       and claim = ${run.claim}
    returning hinted`
  return released?.hinted ?? false
}

/** Which failures are counted, and up to how many. */
type Counted = { counted?: 'failures' | 'hook_failures'; most?: number | undefined }

/**
 * Gives a claim back after a failure, of the step or of a hook, which is counted and told to users; the run is due again after
 * `seconds`.
 */
export async function postponeRun(
  sql: Sql,
  run: Claimed,
  { counted = 'failures', most = 1000 }: Counted,
  seconds: number,
  reason: string,
): Promise<void> {
  await sql`
    update run
       set claim = null,
           claimed_by = null,
           claimed_until = null,
           ${sql(counted)} = least(${sql(counted)} + 1, ${most}),
           due_at = now() + ${seconds} * interval '1 second',
           reason = ${storable(reason)}
     where id = ${run.id}
       and claim = ${run.claim}`
}

/** For how many seconds a run has been in its status, by the clock of the database. */
export async function secondsInStatus(sql: Queryable, run: Claimed): Promise<number> {
  const [row] = await sql<{ seconds: number }[]>`
    select extract(epoch from now() - updated_at)::float8 as seconds from run where id = ${run.id}`
  return row?.seconds ?? 0
}

export type MoveOptions = {
  /** Why, in words for users. */
  reason?: string
  /** Holds on to the run for the next move of the same handler: nobody is told of a status that is only passed. */
  keepClaim?: boolean
  /** Begins another attempt. */
  nextAttempt?: boolean
}

/**
 * Moves a claimed run along one edge of the table, with its history and event, in one statement. Undefined when the
 * claim, the attempt or the status is no longer the one that was claimed.
 */
export async function moveRun<F extends RunStatus, T extends Next<F>>(
  tx: Queryable,
  run: Claimed<F>,
  to: T,
  by: By,
  { reason, keepClaim = false, nextAttempt = false }: MoveOptions = {},
): Promise<Claimed<T> | undefined> {
  const perPlan = toldPerPlan.has(to)
  const kept = (column: string) => (keepClaim ? tx(column) : tx`null`)
  const [moved] = await tx<Claimed<T>[]>`
    with moved as (
      update run
         set status = ${to},
             attempt = attempt + ${nextAttempt ? 1 : 0},
             ${nextAttempt ? tx`traceparent = ${rememberedTrace(by)},` : tx``}
             updated_at = now(),
             due_at = now(),
             failures = 0,
             hook_failures = 0,
             reason = ${reason === undefined ? null : storable(reason)},
             claim = ${kept('claim')},
             claimed_by = ${kept('claimed_by')},
             claimed_until = ${kept('claimed_until')}
       where id = ${run.id}
         and (status, attempt, claim) = (${run.status}, ${run.attempt}, ${run.claim}::uuid)
      returning *
    ), remembered as (
      insert into run_history (run_id, attempt, from_status, status, actor, reason, claimed_at)
      select id, attempt, ${run.status}, status, ${by.actor}, reason, claimed_at
        from moved
    ), told as (
      insert into outbox (type, subject, data, traceparent)
      select ${`run.${to}`},
             ${perPlan ? tx`plan_id` : tx`id`},
             ${perPlan ? tx`jsonb_build_object('planId', plan_id)` : tx`jsonb_build_object('runId', id, 'attempt', attempt)`},
             ${by.traceparent ?? null}
        from moved
       where ${!keepClaim}
    )
    select id, plan_id as "planId", status, attempt, claim, failures, hook_failures as "hookFailures",
           hinted as "isHinted"
      from moved`
  return moved
}

/** What start-run gave to the attempt it began. */
export type AttemptStart = { worker: string; workerUid: string; image: string }

export async function recordAttempt(tx: Tx, run: Claimed, start: AttemptStart): Promise<void> {
  await tx`
    insert into attempt (run_id, number, worker, worker_uid, image)
    values (${run.id}, ${run.attempt}, ${start.worker}, ${start.workerUid}, ${start.image})
        on conflict (run_id, number) do update
       set worker = excluded.worker,
           worker_uid = excluded.worker_uid,
           image = excluded.image`
}

/** What hooks put in the environment of the program; recorded before there is a worker that has it. */
export async function recordEnvironment(
  sql: Sql,
  run: Claimed,
  env: Record<string, string>,
): Promise<void> {
  await sql`
    insert into attempt (run_id, number, env)
    values (${run.id}, ${run.attempt}, ${sql.json(env)})
        on conflict (run_id, number) do update
       set env = excluded.env`
}

/** When the program began and ended, how, and the image it really was, as far as known. */
export type AttemptEnd = {
  startedAt?: Date | undefined
  endedAt?: Date | undefined
  image?: string | undefined
  exit?: RunExit
  /** It was told to end and may still run: its end comes when its worker is gone. */
  isEnding?: true
  /** What a failure is to be laid to. */
  cause?: FailureCause
}

/** What is known by now of how a program was executed. */
export type Execution = {
  startedAt: Date | null
  endedAt: Date | null
  image: string | null
  exitCode: number | null
}

/** Its columns of an attempt. */
export const executionOf = (sql: Queryable): Fragment => sql`
  attempt.started_at as "startedAt", attempt.ended_at as "endedAt", attempt.image, attempt.exit_code as "exitCode"`

/** Keeps how a program ended; gives back what is known of it by now. */
export async function recordEnd(
  tx: Tx,
  run: Claimed,
  end: AttemptEnd,
): Promise<Execution | undefined> {
  const { exit, isEnding } = end
  const message = exit ? storable(exit.message) : null
  // A code that is none (some systems report others) still says that it failed.
  const code = exit && (exit.code >= 0 && exit.code <= 255 ? exit.code : 255)
  // An end that nobody timed is now.
  const endsNow = exit !== undefined && !isEnding
  const endedAt = tx`${end.endedAt ?? null}::timestamptz`
  const [execution] = await tx<Execution[]>`
    insert into attempt (run_id, number, started_at, ended_at, exit_code, exit_message, image, cause)
    values (
      ${run.id}, ${run.attempt}, ${end.startedAt ?? null},
      coalesce(${endedAt}, case when ${endsNow} then now() end),
      ${code ?? null}, ${message}, ${end.image ?? null}, ${end.cause ?? null}
    )
        on conflict (run_id, number) do update
       set started_at = coalesce(excluded.started_at, attempt.started_at),
           ended_at = coalesce(${endedAt}, attempt.ended_at, excluded.ended_at),
           exit_code = coalesce(excluded.exit_code, attempt.exit_code),
           exit_message = coalesce(excluded.exit_message, attempt.exit_message),
           image = coalesce(excluded.image, attempt.image),
           cause = coalesce(excluded.cause, attempt.cause)
    returning ${executionOf(tx)}`
  return execution
}

/** Why an attempt failed, and how many machines have failed since the run was made, or a user asked for another attempt. */
export type Failure = {
  cause: FailureCause
  exitCode: number | null
  message: string
  tries: number
}

/** Why the current attempt of a run failed; undefined when it did not, or nobody knows. */
export async function findFailure(sql: Queryable, run: Claimed): Promise<Failure | undefined> {
  const [row] = await sql<Failure[]>`
    select cause,
           exit_code as "exitCode",
           coalesce(exit_message, '') as message,
           (
             select count(*)::integer
               from attempt
              where run_id = ${run.id}
                and cause = 'machine'
                and number >= (
                  select coalesce(max(attempt), 1)
                    from run_history
                   where run_id = ${run.id}
                     and from_status in ('done', 'failed')
                     and status in ('waiting', 'deactivated')
                )
           ) as tries
      from attempt
     where run_id = ${run.id}
       and number = ${run.attempt}
       and cause is not null`
  return row
}

/** Whether the plan of a run is active, which it stays until the transaction ends; undefined when there is no such run. */
export async function holdPlanOf(tx: Tx, runId: string): Promise<boolean | undefined> {
  const [plan] = await tx<{ active: boolean }[]>`
    select active
      from plan
     where id = (select plan_id from run where id = ${runId})
       for share`
  return plan?.active
}

/** Where the next attempt of a run begins, which it stays until the transaction ends: it waits, or is held if its plan is inactive. */
export const nextAttemptOf = async (tx: Tx, run: Claimed): Promise<'waiting' | 'deactivated'> =>
  (await holdPlanOf(tx, run.id)) ? 'waiting' : 'deactivated'

/**
 * Begins the next attempt of a run, with new data for its outputs; the volumes of the old ones become garbage. Undefined when the
 * claim is no longer ours.
 */
export async function tryAgain(
  tx: Tx,
  run: Claimed<'aborting' | 'done' | 'failed'>,
  reason: string,
  by: By,
): Promise<Claimed<'waiting' | 'deactivated'> | undefined> {
  // The plan first, as everybody locks it first.
  const to = await nextAttemptOf(tx, run)
  const moved = await moveRun(tx, run, to, by, { reason, nextAttempt: true })
  if (!moved) return undefined
  await dropOutputs(tx, run.id, by)
  await tx`
    insert into data (plan_id, run_id, output_id, tags)
    select run.plan_id, run.id, output.id, output.tags
      from run
      join output on output.plan_id = run.plan_id
     where run.id = ${run.id}`
  return moved
}

/** Of these workers, by run and attempt, those that no run has any more. */
export async function findStaleWorkers<W extends { id: string; attempt: number }>(
  sql: Queryable,
  workers: readonly W[],
): Promise<W[]> {
  const current = await sql<{ id: string; attempt: number }[]>`
    select id, attempt
      from run
     where id = any (${workers.map(({ id }) => id)}::uuid[])
       and status in ('ready', 'starting', 'running', 'completing', 'aborting')`
  const keys = new Set(current.map(({ id, attempt }) => `${id} ${attempt}`))
  return workers.filter(({ id, attempt }) => !keys.has(`${id} ${attempt}`))
}
