import { systemExits } from '#shared/domain/run-exits.ts'
import { mayBeMovedByUser, type RunStatus } from '#shared/domain/run-states.ts'
import { dropOutputs } from './garbage.ts'
import type { By } from './outbox.ts'
import { holdPlanOf, moveRun, recordEnd, tryAgain, type Claimed } from './runs.ts'
import { storable, type Tx } from './sql.ts'

/** A run that reads what another has written. */
export type Reader = { runId: string; status: RunStatus; plan: string }

/** Why a user's move was not made; the transaction is to be rolled back then. */
export type MoveRefusal =
  | { why: 'absent' }
  /** Only its tombstone is left. */
  | { why: 'deleted' }
  /** Its status allows no such move. */
  | { why: 'status'; status: RunStatus }
  /** It is an upload or an import. */
  | { why: 'root'; status: RunStatus }
  | { why: 'unfinished'; status: RunStatus }
  /** It waits for its plan to be activated, and so for ever. */
  | { why: 'held'; status: RunStatus; planId: string }
  /** What it has written is being sent to, or by, somebody. */
  | { why: 'transfer'; knitId: string }
  /** Others read what it has written: the first of them, and how many there are. */
  | { why: 'in-use'; readers: Reader[]; count: number }

type Seized = Claimed & { isRoot: boolean }

/** Takes a run from whoever serves it, for a user, who needs no claim. It is held until the transaction ends. */
export async function seizeRun(tx: Tx, runId: string, by: By): Promise<Seized | undefined> {
  const [run] = await tx<Seized[]>`
    update run
       set claim = gen_random_uuid(),
           claimed_by = ${by.actor},
           claimed_at = now(),
           claimed_until = now() + interval '1 minute'
     where id = ${runId}
    returning id, plan_id as "planId", status, attempt, claim, failures, hook_failures as "hookFailures",
              (select name is not null from plan where plan.id = plan_id) as "isRoot"`
  return run
}

/**
 * Lets a run end before its program does: badly (`aborting`), or as if it had succeeded (`completing`). One that is ending so
 * already is told again, and ends by the user's word.
 */
export async function stopRun(
  tx: Tx,
  runId: string,
  to: 'aborting' | 'completing',
  by: By,
): Promise<MoveRefusal | undefined> {
  const run = await seizeRun(tx, runId, by)
  if (!run) return { why: 'absent' }
  // Half an upload is no data.
  if (run.isRoot && to === 'completing') return { why: 'root', status: run.status }
  const exit = to === 'aborting' ? systemExits.aborted : systemExits.stopped
  if (run.isRoot) await dropImportLease(tx, runId)
  if (run.status === to) await tellAgain(tx, run, exit.message, by)
  else if (mayBeMovedByUser(run.status, to))
    await moveRun(tx, run, to, by, { reason: exit.message })
  else return { why: 'status', status: run.status }
  await recordEnd(tx, run, { exit, isEnding: true, ...(to === 'aborting' && { cause: 'user' }) })
  return undefined
}

/** Nobody holds the data of an import any more; an upload has a handler, which finds out by itself. */
export async function dropImportLease(tx: Tx, runId: string): Promise<void> {
  await tx`
    delete from agent
     using data
      join plan on plan.id = data.plan_id
     where agent.knit_id = data.id
       and data.run_id = ${runId}
       and plan.name = 'knit#imported'`
}

/** Gives a run back that stays where it is, with the wish in its history; whoever serves it looks again. */
async function tellAgain(tx: Tx, run: Claimed, reason: string, by: By): Promise<void> {
  await tx`
    with again as (
      update run
         set claim = null,
             claimed_by = null,
             claimed_until = null,
             due_at = now(),
             failures = 0,
             hook_failures = 0,
             reason = ${storable(reason)}
       where id = ${run.id}
      returning id, attempt, status, reason
    ), remembered as (
      insert into run_history (run_id, attempt, from_status, status, actor, reason)
      select id, attempt, status, status, ${by.actor}, reason
        from again
    )
    insert into outbox (type, subject, data, traceparent)
    select 'run.' || status, id, jsonb_build_object('runId', id, 'attempt', attempt), ${by.traceparent ?? null}
      from again`
}

/** Executes a run that has ended once more: a new attempt, with new data for its outputs. */
export async function retryRun(tx: Tx, runId: string, by: By): Promise<MoveRefusal | undefined> {
  const active = await holdPlanOf(tx, runId)
  const run = await seizeRun(tx, runId, by)
  if (!run) return { why: 'absent' }
  const refusal = await holdOutputs(tx, run)
  if (refusal) return refusal
  if (run.isRoot) return { why: 'root', status: run.status }
  await eraseTombstones(tx, runId)
  const held = active ? '' : '; held, as its plan is inactive'
  await tryAgain(tx, run as Claimed<'done' | 'failed'>, `retried by user${held}`, by)
  return undefined
}

/**
 * Deletes a run that has ended, with what it has written. With inputs it stays as a tombstone, so that its combination is
 * never made again; an upload or import vanishes.
 */
export async function deleteRun(tx: Tx, runId: string, by: By): Promise<MoveRefusal | undefined> {
  const run = await seizeRun(tx, runId, by)
  if (!run) return { why: 'absent' }
  const refusal = await holdOutputs(tx, run)
  if (refusal) return refusal
  await eraseTombstones(tx, runId)
  await dropOutputs(tx, runId, by)
  await moveRun(tx, run, 'invalidated', by, { reason: 'deleted by user' })
  await tx`delete from run where id = ${runId} and combination is null`
  return undefined
}

const readersNamed = 5

/**
 * Holds what a run has written until the transaction ends, so that nobody begins to use it; says what stands against dropping
 * it. Nominations first, as a projection holds them while it waits for data.
 */
async function holdOutputs(tx: Tx, run: Seized): Promise<MoveRefusal | undefined> {
  const { status, planId } = run
  if (status === 'invalidated') return { why: 'deleted' }
  if (status === 'deactivated') return { why: 'held', status, planId }
  if (status !== 'done' && status !== 'failed') return { why: 'unfinished', status }
  const outputs = tx`select id from data where run_id = ${run.id}`
  await tx`
    select from nomination where knit_id in (${outputs}) order by input_id, knit_id for update`
  await tx`select from data where run_id = ${run.id} order by id for update`
  const [transfer] = await tx<{ knitId: string }[]>`
    select knit_id as "knitId"
      from agent
     where knit_id in (${outputs})
       and lease_until > now()
     limit 1`
  if (transfer) return { why: 'transfer', ...transfer }
  const readers = await tx<(Reader & { count: number })[]>`
    select run.id as "runId",
           status,
           coalesce(name, image || ':' || image_tag) as plan,
           count(*) over ()::integer as count
      from run
      join plan on plan.id = plan_id
     where run.id in (select run_id from assign where knit_id in (${outputs}))
       and status <> 'invalidated'
     order by run.id
     limit ${readersNamed}`
  const [first] = readers
  return first && { why: 'in-use', readers: [...readers], count: first.count }
}

/** Forgets the tombstones of runs that read what a run has written: with its data their combinations are gone. */
async function eraseTombstones(tx: Tx, runId: string): Promise<void> {
  await tx`
    delete from run
     where id in (
       select id
         from run
        where status = 'invalidated'
          and id in (
            select run_id
              from assign
             where knit_id in (select id from data where run_id = ${runId})
          )
        order by id
          for update
     )`
}
