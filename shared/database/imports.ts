import type { RunStatus } from '#shared/domain/run-states.ts'
import type { By } from './outbox.ts'
import { moveRun } from './runs.ts'
import type { Tx } from './sql.ts'
import { dropImportLease, seizeRun } from './user-moves.ts'

/** An import that was begun: its run, the data it will be, and until when, in seconds since 1970. */
export type BegunImport = { runId: string; knitId: string; issuedAt: number; expiresAt: number }

/** Begins an import: a run of the built-in plan, and a lease on the data that its importer will make. */
export async function beginImport(tx: Tx, leaseSeconds: number, by: By): Promise<BegunImport> {
  const [begun] = await tx<BegunImport[]>`
    with begun as (
      insert into run (plan_id, status)
      select id, 'running' from plan where name = 'knit#imported'
      returning *
    ), reserved as (
      insert into data (plan_id, run_id, output_id)
      select begun.plan_id, begun.id, output.id
        from begun
        join output on output.plan_id = begun.plan_id
      returning id
    ), leased as (
      insert into agent (knit_id, mode, lease_until)
      select id, 'write', now() + ${leaseSeconds} * interval '1 second'
        from reserved
      returning lease_until
    ), remembered as (
      insert into run_history (run_id, attempt, status, actor)
      select id, attempt, status, ${by.actor}
        from begun
    )
    select begun.id as "runId",
           reserved.id as "knitId",
           floor(extract(epoch from now()))::float8 as "issuedAt",
           floor(extract(epoch from lease_until))::float8 as "expiresAt"
      from begun, reserved, leased`
  if (!begun) throw new Error('the built-in plan knit#imported is missing; migrate the database')
  return begun
}

/** Where the run of an import is, which is held as it is; undefined when it was deleted. */
export async function holdImport(
  tx: Tx,
  { runId, knitId }: Pick<BegunImport, 'runId' | 'knitId'>,
): Promise<RunStatus | undefined> {
  const [run] = await tx<{ status: RunStatus }[]>`
    select run.status
      from run
      join plan on plan.id = run.plan_id
      join data on data.run_id = run.id
     where run.id = ${runId}
       and data.id = ${knitId}
       and plan.name = 'knit#imported'
       for update of run`
  return run?.status
}

/** Lets an import that is held, and in progress, become data: its lease is over, and what it holds is measured by who finishes it. */
export async function completeImport(tx: Tx, runId: string, by: By): Promise<void> {
  const run = await seizeRun(tx, runId, by)
  if (run?.status !== 'running') throw new Error(`the import ${runId} is not in progress`)
  await moveRun(tx, { ...run, status: 'running' }, 'completing', by)
  await dropImportLease(tx, runId)
}
