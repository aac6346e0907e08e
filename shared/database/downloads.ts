import type { Queryable } from './sql.ts'

/** A download in progress; `digest` is that of data that nobody writes to any more, if it is known. */
export type Download = { agentId: string; digest: string | null }

/** Takes a lease on data that is being sent to somebody, so that nobody deletes it; undefined when there is no such data. */
export async function beginDownload(
  sql: Queryable,
  knitId: string,
  leaseSeconds: number,
): Promise<Download | undefined> {
  const [download] = await sql<Download[]>`
    with asked as (
      select id, case when ended_at is not null then digest end as digest
        from data
       where id = ${knitId}
         for key share
    ), leased as (
      insert into agent (knit_id, mode, lease_until)
      select id, 'read', now() + ${leaseSeconds} * interval '1 second'
        from asked
      returning id
    )
    select leased.id as "agentId", asked.digest
      from leased, asked`
  return download
}

export async function renewDownload(
  sql: Queryable,
  agentId: string,
  leaseSeconds: number,
): Promise<void> {
  await sql`
    update agent
       set lease_until = now() + ${leaseSeconds} * interval '1 second'
     where id = ${agentId}`
}

export async function endDownload(sql: Queryable, agentId: string): Promise<void> {
  await sql`delete from agent where id = ${agentId}`
}

/** Forgets leases that ran out on data nobody writes any more; a lost upload is not among them. */
export async function dropIdleAgents(sql: Queryable): Promise<void> {
  await sql`
    delete from agent
     using data
      join run on run.id = data.run_id
     where data.id = agent.knit_id
       and agent.lease_until < now()
       and (agent.mode = 'read' or run.status <> 'running')`
}
