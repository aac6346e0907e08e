import type { TagChange } from '#shared/domain/data.ts'
import { dataOfVolume } from '#shared/domain/worker-spec.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { tell, type By } from './outbox.ts'
import { executionOf, type Execution } from './runs.ts'
import { begin, type Queryable, type Tx } from './sql.ts'
import { findTagIds, internTags } from './tags.ts'

/** Why a tag change was not made. */
export type TagRefusal = 'absent' | { tags: number }

/**
 * Changes the user's tags of a data, removals first; matches that no longer hold are withdrawn and it is matched afresh.
 */
export async function changeTags(
  sql: Queryable,
  knitId: string,
  change: TagChange,
  maxTags: number,
  by: By,
): Promise<TagRefusal | undefined> {
  const added = await internTags(sql, change?.add ?? [])
  const removed = await findTagIds(sql, change?.remove ?? [])
  const keys = change?.remove_key ?? []
  return begin(sql, async (tx) => {
    const [data] = await tx<{ tags: number[] }[]>`
      select tags from data where id = ${knitId} for update`
    if (!data) return 'absent'
    const byKey = await tx<{ id: number }[]>`
      select id from tag where id = any (${data.tags}::integer[]) and key = any (${keys}::text[])`
    const gone = new Set([...removed, ...byKey.map(({ id }) => id)])
    const tags = [...new Set([...data.tags.filter((id) => !gone.has(id)), ...added])]
    if (tags.length > maxTags) return { tags: tags.length }
    await tx`
      update data
         set tags = ${tags.toSorted((a, b) => a - b)}::integer[]
       where id = ${knitId}`
    // What somebody holds is left to them: a projection waits for this data, and sees whether it fits by then.
    await tx`
      delete from nomination
       where (input_id, knit_id) in (
         select nomination.input_id, nomination.knit_id
           from nomination
           join input on input.id = nomination.input_id
          where nomination.knit_id = ${knitId}
            and not input.tags <@ ${tags}::integer[]
            for update of nomination skip locked
       )`
    await tx`insert into match_task (knit_id) values (${knitId})`
    await tell(tx, 'data.tagged', knitId, { knitId }, by)
    return undefined
  })
}

/** What is known of the outputs of a run that has ended. */
export type Stamp = {
  /** They can be used from now on. */
  ready: boolean
  measures: ReadonlyMap<string, Measure>
  /** When the worker was found gone: a program whose end nobody saw has ended by then. */
  goneAt?: Date
}

/**
 * Stamps the outputs of a run that has ended; those of a done one are to be matched, and told of. Gives back the execution of a program
 * whose end nobody saw.
 */
export async function stampData(
  tx: Tx,
  runId: string,
  { ready, measures, goneAt }: Stamp,
  by: By,
): Promise<Execution | undefined> {
  const measured = [...measures]
  const [unseen] = await tx<Execution[]>`
    with ended as (
      update attempt
         set ended_at = ${goneAt ?? null}
        from run
       where run.id = ${runId}
         and (run_id, number) = (run.id, run.attempt)
         and attempt.ended_at is null
      returning ${executionOf(tx)}
    ), stamped as (
      update data
         set ended_at = now(),
             ready = ${ready},
             bytes = coalesce(measure.bytes, data.bytes),
             files = coalesce(measure.files, data.files),
             digest = coalesce(measure.digest, data.digest)
        from (select id from data where run_id = ${runId}) as own
        left join unnest(
               ${measured.map(([knitId]) => knitId)}::uuid[],
               ${measured.map(([, { bytes }]) => bytes)}::bigint[],
               ${measured.map(([, { files }]) => files)}::bigint[],
               ${measured.map(([, { digest }]) => digest)}::text[]
             ) as measure (knit_id, bytes, files, digest) on measure.knit_id = own.id
       where data.id = own.id
      returning data.id
    ), told as (
      insert into outbox (type, subject, data, traceparent)
      select 'data.ready', id, jsonb_build_object('runId', id), ${by.traceparent ?? null}
        from (select ${runId}::uuid as id) as run
       where ${ready}
    ), matched as (
      insert into match_task (knit_id)
      select id from stamped where ${ready}
    )
    select * from ended`
  return unseen
}

/** Keeps what the outputs of a run are known to hold before it ends, by their volumes; of others nothing. */
export async function recordMeasures(
  tx: Tx,
  runId: string,
  measures: Readonly<Record<string, Measure>>,
): Promise<void> {
  const measured = Object.entries(measures).flatMap(([volume, measure]) => {
    const knitId = dataOfVolume(volume)
    return knitId ? [{ knitId, ...measure }] : []
  })
  await tx`
    update data
       set bytes = measure.bytes,
           files = measure.files,
           digest = measure.digest
      from unnest(
             ${measured.map(({ knitId }) => knitId)}::uuid[],
             ${measured.map(({ bytes }) => bytes)}::bigint[],
             ${measured.map(({ files }) => files)}::bigint[],
             ${measured.map(({ digest }) => digest)}::text[]
           ) as measure (knit_id, bytes, files, digest)
     where data.id = measure.knit_id
       and data.run_id = ${runId}`
}

/** The outputs of a run whose content is known. */
export async function findMeasured(sql: Queryable, runId: string): Promise<ReadonlySet<string>> {
  const rows = await sql<{ id: string }[]>`
    select id from data where run_id = ${runId} and digest is not null`
  return new Set(rows.map(({ id }) => id))
}
