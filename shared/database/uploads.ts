import type { RunStatus } from '#shared/domain/run-states.ts'
import type { Tag } from '#shared/domain/tag.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { stampData } from './data.ts'
import { dropOutputs } from './garbage.ts'
import type { By } from './outbox.ts'
import type { RequestKey } from './requests.ts'
import { moveRun, type Claimed } from './runs.ts'
import { begin, type Queryable, type Sql, type Tx } from './sql.ts'
import { internTags } from './tags.ts'
import { seizeRun } from './user-moves.ts'

/** An upload in progress: its run, held by the handler, and the data it will be. */
export type Upload = { run: Claimed<'running'>; knitId: string; agentId: string }

/**
 * Begins an upload: a run of the built-in plan, claimed by its handler, and a lease on the data to be written. With a `request` it may
 * be gone on with by who knows its key.
 */
export async function beginUpload(
  sql: Sql,
  tags: readonly Tag[],
  leaseSeconds: number,
  by: By,
  { caller, key, fingerprint }: Partial<RequestKey> = {},
): Promise<Upload> {
  const tagIds = (await internTags(sql, tags)).toSorted((a, b) => a - b)
  const [row] = await sql<UploadRow[]>`
    with begun as (
      insert into run (plan_id, status, claim, claimed_by, claimed_until)
      select id, 'running', gen_random_uuid(), 'data-push', now() + ${leaseSeconds} * interval '1 second'
        from plan
       where name = 'knit#uploaded'
      returning *
    ), reserved as (
      insert into data (plan_id, run_id, output_id, tags)
      select begun.plan_id, begun.id, output.id, ${tagIds}::integer[]
        from begun
        join output on output.plan_id = begun.plan_id
      returning id
    ), leased as (
      insert into agent (knit_id, mode, lease_until, caller, key, fingerprint)
      select id, 'write', now() + ${leaseSeconds} * interval '1 second',
             ${caller ?? null}, ${key ?? null}, ${fingerprint ?? null}
        from reserved
      returning id
    ), remembered as (
      insert into run_history (run_id, attempt, status, actor)
      select id, attempt, status, ${by.actor}
        from begun
    )
    select begun.id, begun.plan_id as "planId", begun.claim, reserved.id as "knitId", leased.id as "agentId"
      from begun, reserved, leased`
  if (!row) throw new Error('the built-in plan knit#uploaded is missing; migrate the database')
  return uploadOf(row)
}

type UploadRow = { id: string; planId: string; claim: string; knitId: string; agentId: string }

const uploadOf = ({ knitId, agentId, ...run }: UploadRow): Upload => ({
  run: { ...run, status: 'running', attempt: 1, failures: 0, hookFailures: 0 },
  knitId,
  agentId,
})

/**
 * Goes on with the last upload that the request has begun, in the place of whoever has it: that one finds it out when it would renew
 * or complete it. Undefined when there is none.
 */
export async function takeOverUpload(
  sql: Queryable,
  { caller, key, fingerprint }: RequestKey,
  leaseSeconds: number,
): Promise<Upload | undefined> {
  const [row] = await sql<UploadRow[]>`
    with begun as (
      select agent.id, knit_id, run_id
        from agent
        join data on data.id = knit_id
       where caller = ${caller}
         and key = ${key}
         and fingerprint = ${fingerprint}
       order by agent.id desc
       limit 1
    ), taken as (
      update run
         set claim = gen_random_uuid(),
             claimed_at = now(),
             claimed_until = now() + ${leaseSeconds} * interval '1 second'
        from begun
       where run.id = run_id
         and status = 'running'
      returning run.id, plan_id, claim
    ), renewed as (
      update agent
         set lease_until = now() + ${leaseSeconds} * interval '1 second'
        from begun, taken
       where agent.id = begun.id
    )
    select taken.id, plan_id as "planId", claim, knit_id as "knitId", begun.id as "agentId"
      from begun, taken`
  return row && uploadOf(row)
}

/** Keeps an upload alive; false when somebody ended it meanwhile. */
export async function renewUpload(
  sql: Queryable,
  upload: Upload,
  leaseSeconds: number,
): Promise<boolean> {
  // The run first, as everybody locks it first.
  const { count } = await sql`
    with held as (
      update run
         set claimed_until = now() + ${leaseSeconds} * interval '1 second'
       where id = ${upload.run.id}
         and claim = ${upload.run.claim}
      returning id
    )
    update agent
       set lease_until = now() + ${leaseSeconds} * interval '1 second'
      from held
     where agent.id = ${upload.agentId}`
  return count > 0
}

/** Makes an upload data, in one transaction; false when it was ended by somebody else meanwhile. */
export async function completeUpload(
  sql: Queryable,
  upload: Upload,
  measure: Measure,
  by: By,
): Promise<boolean> {
  return begin(sql, async (tx) => {
    const completing = await moveRun(tx, upload.run, 'completing', by, { keepClaim: true })
    if (!completing) return false
    await Promise.all([
      moveRun(tx, completing, 'done', by),
      stampData(
        tx,
        upload.run.id,
        { ready: true, measures: new Map([[upload.knitId, measure]]) },
        by,
      ),
      tx`delete from agent where id = ${upload.agentId}`,
    ])
    return true
  })
}

/**
 * What has become of an upload that its handler could not renew or complete: it was taken back, of which nothing is left but history,
 * somebody ended it, or another request goes on with it, or has.
 */
export async function findFate(
  sql: Queryable,
  { run }: Pick<Upload, 'run'>,
): Promise<'taken back' | 'ended' | 'taken over'> {
  const [found] = await sql<{ status: RunStatus }[]>`select status from run where id = ${run.id}`
  if (!found) return 'taken back'
  return ['aborting', 'failed'].includes(found.status) ? 'ended' : 'taken over'
}

/**
 * Takes back an upload that failed: no data of it is left, only its history; its volume becomes garbage. One that somebody else
 * has ended meanwhile is theirs: only the lease on it is given back. One that somebody else goes on with is left to them.
 */
export async function discardUpload(
  sql: Queryable,
  { run, agentId }: Upload,
  reason: string,
  by: By,
): Promise<void> {
  await begin(sql, async (tx) => {
    const [running] = await tx<{ claim: string | null }[]>`
      select claim from run where id = ${run.id} and status = 'running' for update`
    if (running) {
      if (running.claim === run.claim) await takeBack(tx, run.id, reason, by)
    } else await tx`delete from agent where id = ${agentId}`
  })
}

/** Takes back an upload whose handler has died; false when it shows a sign of life after all. */
export async function discardLostUpload(
  sql: Queryable,
  runId: string,
  reason: string,
  by: By,
): Promise<boolean> {
  return begin(sql, async (tx) => {
    const [running] = await tx`
      select from run where id = ${runId} and status = 'running' for update`
    if (!running) return false
    const [alive] = await tx`
      select
        from agent
        join data on data.id = knit_id
       where run_id = ${runId}
         and lease_until >= now()`
    if (alive) return false
    await takeBack(tx, runId, reason, by)
    return true
  })
}

/** Lets a locked, running upload fail, and deletes what it has made so far, but for its history: nobody is told of a run that is gone. */
async function takeBack(tx: Tx, runId: string, reason: string, by: By): Promise<void> {
  await dropOutputs(tx, runId, by)
  const run = await seizeRun(tx, runId, by)
  if (run?.status !== 'running') throw new Error(`the upload ${runId} is not in progress`)
  const silently = { reason, keepClaim: true }
  const aborting = await moveRun(tx, { ...run, status: 'running' }, 'aborting', by, silently)
  if (aborting) await moveRun(tx, aborting, 'failed', by, silently)
  await tx`delete from run where id = ${runId}`
}

/** An upload whose handler has given no sign of life for longer than its lease, or an import that nobody ended in time. */
export type LostUpload = { runId: string; isImport: boolean }

export async function findLostUploads(sql: Queryable, limit: number): Promise<LostUpload[]> {
  return sql<LostUpload[]>`
    select data.run_id as "runId", plan.name = 'knit#imported' as "isImport"
      from agent
      join data on data.id = agent.knit_id
      join plan on plan.id = data.plan_id
     where agent.mode = 'write'
       and agent.lease_until < now()
     order by agent.lease_until
     limit ${limit}`
}
