import type { Sql } from '#shared/database/sql.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import type { SimulatedCluster } from './cluster.ts'

/** What a worker has been when a step moves its run; nobody is given up whose program runs. */
const phases = { starting: 'suspended', running: 'running', completing: 'succeeded' }

type Moved = {
  id: string
  attempt: number
  uid: string | null
  status: keyof typeof phases | 'aborting'
}

/** Looks at runs as they are moved: each for what its own worker is by then, and not that of another attempt. */
export function witness(cluster: SimulatedCluster): (sql: Sql) => Promise<string[]> {
  let seen = '0'

  const isTrue = (run: Moved): boolean => {
    const worker = cluster.workers.get(workerOf(run))
    return run.status === 'aborting'
      ? worker?.state.phase !== 'running' || worker.isGoing || worker.uid !== run.uid
      : cluster.been.has(`${workerOf(run)} ${phases[run.status]}`)
  }

  /** What is untrue of the moves since the last look. */
  return async (sql) => {
    const rows = await sql<(Moved & { historyId: string })[]>`
      select id as "historyId", told.run_id as id, told.attempt, told.status, worker_uid as uid
        from run_history as told
        left join attempt on (attempt.run_id, number) = (told.run_id, told.attempt)
       where id > ${seen}
         and actor in ('start-run', 'observe-worker')
         and status = any (${['aborting', ...Object.keys(phases)]})
         -- It may begin in the very last moment.
         and coalesce(reason, '') !~ 'did not begin'
       order by id`
    seen = rows.at(-1)?.historyId ?? seen
    return rows
      .filter((run) => !isTrue(run))
      .map((run) => `${run.status} is not what ${workerOf(run)} has come to`)
  }
}
