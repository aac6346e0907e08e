import type { Sql } from '#shared/database/sql.ts'

/** What a server says of statements that wait for others. */
export type Locks = {
  /** The processes that wait for a lock just now. */
  waiting(): Promise<Set<number>>
  /** True when a process waits for others that, in the end, wait for it. */
  isInCycle(pid: number): Promise<boolean>
  cancel(pid: number): Promise<void>
  /** Keeps a process of the server from going on, whatever it gets, until it is let go. */
  hold(pid: number): void
  letGo(pid: number): void
}

/** Asked on a connection of its own, which waits for nobody. */
export const locksOf = (sql: Sql): Locks => ({
  async waiting() {
    const rows = await sql<{ pid: number }[]>`
      select distinct pid
        from pg_locks
       where not granted
         and pid in (select pid from pg_stat_activity where datname = current_database())`
    return new Set(rows.map(({ pid }) => pid))
  },
  async isInCycle(pid) {
    const [row] = await sql<{ found: boolean }[]>`
      with recursive blocking (pid) as (
        select unnest(pg_blocking_pids(${pid}))
         union
        select unnest(pg_blocking_pids(pid)) from blocking
      )
      select exists (select from blocking where pid = ${pid}) as found`
    return row?.found === true
  },
  async cancel(pid) {
    await sql`select pg_cancel_backend(${pid})`
  },
  hold: (pid) => void process.kill(pid, 'SIGSTOP'),
  letGo: (pid) => void process.kill(pid, 'SIGCONT'),
})
