import type { Queryable } from '../sql.ts'

/** The logs that programs have written to their end, the newest first. */
export async function listLogs(
  sql: Queryable,
  limit: number,
): Promise<{ knitId: string; runId: string }[]> {
  return sql<{ knitId: string; runId: string }[]>`
    select data.id as "knitId", run_id as "runId"
      from data
      join output on output.id = output_id and path is null
     where ended_at is not null
     order by data.id desc
     limit ${limit}`
}
