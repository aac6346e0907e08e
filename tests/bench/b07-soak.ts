import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Sql } from '#shared/database/sql.ts'
import {
  atMost,
  finding,
  median,
  quantile,
  spread,
  sum,
  timed,
  waitingFor,
  type Bench,
  type Benchmark,
  type Facts,
} from './harness.ts'
import {
  blackBoxWith,
  chainOfPlans,
  databaseOf,
  pushSmall,
  smallFolder,
  type BlackBox,
} from './home.ts'
import { scale } from './population.ts'
import { memoryOf, sharedMemoryOf, treeOf } from './processes.ts'

const steps = 3
const pushers = 4
const unasked = 6000 * scale
const minute = 60_000
/** So that what is kept for days comes and goes within minutes. */
const keptSeconds = 30
/** It is cleaned up every 20 s; what the server counts comes a little late. */
const slackSeconds = 25
const kept = ['EVENTS', 'DEAD_EVENTS', 'HOOK_CALLS', 'HISTORY', 'REQUESTS'] as const

/**
 * What grows with what has been done: of each Run its last attempt, of each change a line of the audit, which no setting shortens to
 * less than 30 days. Every other table grows with what goes on, and is to be forgotten.
 */
const lasting = [
  'assign',
  'attempt',
  'audit',
  'data',
  'input',
  'migration',
  'nomination',
  'output',
  'plan',
  'run',
  'tag',
  'token',
]

type Chain = { at: number; ms: number }
type Look = { at: number; rss: number; rows: number; written: number }

export default {
  id: 'B7',
  what: `soak: Runs through a chain of three Plans with trivial programs, ${unasked} unless --runs says how many (100000 for an hour)`,
  async run(bench) {
    const runs = Math.ceil((bench.options.runs ?? unasked) / steps) * steps
    const days = String(keptSeconds / 86_400)
    const env = Object.fromEntries(kept.map((name) => [`KNIT_KEEP_${name}`, days]))
    const box = await blackBoxWith(bench, { env })
    const sql = databaseOf(bench, box)
    const tags = Array.from({ length: steps + 1 }, (_, step) => `soak:${step}`)
    await chainOfPlans(box.api, tags)
    const source = smallFolder(box)

    const passing = await passingTables(sql)
    const before = await counters(sql)
    const start = performance.now()
    const chains: Chain[] = []
    const looks: Look[] = []
    const watch = watchEvery(
      bench,
      2000,
      async () => void looks.push(await look(box, sql, { passing, start })),
    )
    let left = runs / steps
    const push = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        const at = performance.now() - start
        const { knitId } = await pushSmall(box, source, tags[0] ?? '')
        chains.push({ at, ms: await endOfChain(sql, knitId) })
        if (chains.length % 500 === 0)
          bench.say(`${chains.length * steps} Runs after ${Math.round(at / 1000)} s`)
      }
    }
    const took = await timed(() => Promise.all(Array.from({ length: pushers }, push)))
    watch.check()
    const after = await counters(sql)
    await checkAllDone(sql, runs)

    const window = Math.min(minute, took / 6)
    const windows = Map.groupBy(chains, ({ at }) => Math.floor(at / window))
    const p99s = [...windows]
      .toSorted(([a], [b]) => a - b)
      // The last one may have hardly begun.
      .filter(([, of]) => of.length >= chains.length / windows.size / 2)
      .map(([, of]) =>
        quantile(
          of.map(({ ms }) => ms),
          0.99,
        ),
      )
    const [first = Number.NaN, ...later] = p99s
    const shares = sharesOfWritten(looks)
    if (shares.length === 0)
      throw new Error(`${runs} Runs are over before anything is old enough to go: ask for more`)
    const facts: Facts = {
      runs,
      'took, s': took / 1000,
      'Runs a second': runs / (took / 1000),
      'window, s': window / 1000,
      'first window, ms': `p50 ${median(windows.get(0)?.map(({ ms }) => ms) ?? []).toFixed(0)}, p99 ${first.toFixed(0)}`,
      'all later windows, p99 ms': later.map((ms) => ms.toFixed(0)).join(', '),
      'transactions for a Run': (after.transactions - before.transactions) / runs,
      'log (WAL) for a Run, bytes': (after.bytes - before.bytes) / runs,
      ...(await lastingOfEach(sql, runs)),
      ...logsOf(box),
      'all pushes included': 'yes',
    }
    return [
      finding(
        {
          id: 'B7',
          what: `soak of ${runs} Runs: p99 of a chain after the first ${Math.round(window / 1000)} s / in them`,
          unit: '×',
        },
        {
          ...spread(later.map((ms) => ms / first)),
          ratio:
            quantile(
              chains.filter(({ at }) => at >= window).map(({ ms }) => ms),
              0.99,
            ) / first,
        },
        atMost(1.5),
        facts,
      ),
      finding(
        { id: 'B7.memory', what: 'memory (RSS) of the home: last third / middle third', unit: '×' },
        flatness(looks.map(({ rss }) => rss)),
        atMost(1.15),
        {
          'at most, MiB': Math.max(...looks.map(({ rss }) => rss)),
          'all its processes (PSS) at the end, MiB': sharedMemoryOf(treeOf(box.running.pid)),
        },
      ),
      finding(
        {
          id: 'B7.tables',
          what: `tables with a retention, of ${keptSeconds} s here: rows / rows written within that and ${slackSeconds} s, at most`,
          unit: '×',
        },
        { ...spread(shares), ratio: Math.max(...shares) },
        atMost(1),
        {
          'rows, at most': Math.max(...looks.map(({ rows }) => rows)),
          'rows of history written': after.history - before.history,
          ...(await rowsOf(sql, passing)),
        },
      ),
    ]
  },
} satisfies Benchmark

/** How the last third is beside the middle one. What is loaded and grown at the beginning is no slope. */
function flatness(samples: readonly number[]): { ratio: number; min: number; max: number } {
  const third = Math.floor(samples.length / 3)
  const middle = median(samples.slice(third, 2 * third))
  const last = samples.slice(2 * third)
  return { ...spread(last.map((one) => one / middle)), ratio: median(last) / middle }
}

/** Of each look: the rows there are, of those that were written since what is kept began. */
function sharesOfWritten(looks: readonly Look[]): number[] {
  const span = (keptSeconds + slackSeconds) * 1000
  return looks.flatMap(({ at, rows, written }) => {
    const earlier = looks.findLast((look) => look.at <= at - span)
    return earlier ? [rows / (written - earlier.written)] : []
  })
}

/** Waits for the last Run of a chain; milliseconds from the end of the push, by the clock of the database. */
async function endOfChain(sql: Sql, knitId: string): Promise<number> {
  const pause = waitingFor(`the last Run that the data ${knitId} leads to`)
  for (;;) {
    const [end] = await sql<{ ms: number; status: string }[]>`
      select extract(epoch from third.updated_at - data.ended_at)::float8 * 1000 as ms, third.status
        from data
        join assign as one on one.knit_id = data.id
        join data as first on first.run_id = one.run_id
        join assign as two on two.knit_id = first.id
        join data as second on second.run_id = two.run_id
        join assign as three on three.knit_id = second.id
        join run as third on third.id = three.run_id
       where data.id = ${knitId}`
    if (end?.status === 'done') return end.ms
    await pause(25)
  }
}

/** Does something again and again, as long as the benchmark goes on; `check` throws what went wrong. */
function watchEvery(bench: Bench, interval: number, work: () => Promise<void>): { check(): void } {
  const failures: unknown[] = []
  const timer = setInterval(() => void work().catch((error) => failures.push(error)), interval)
  bench.onEnd(() => clearInterval(timer))
  return {
    check() {
      if (failures.length > 0) throw failures[0]
    },
  }
}

async function look(
  { running }: BlackBox,
  sql: Sql,
  { passing, start }: { passing: readonly string[]; start: number },
): Promise<Look> {
  const rows = sum(Object.values(await rowsOf(sql, passing)))
  const [counted] = await sql<{ written: number }[]>`
    select sum(n_tup_ins)::float8 as written
      from pg_stat_user_tables
     where relname = any (${[...passing]}::text[])`
  const written = counted?.written ?? Number.NaN
  return { at: performance.now() - start, rss: memoryOf(running.pid, 'VmRSS'), rows, written }
}

async function passingTables(sql: Sql): Promise<string[]> {
  const found = await sql<{ name: string }[]>`
    select relname as name from pg_stat_user_tables order by relname`
  const names = found.map(({ name }) => name)
  const unknown = lasting.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`there is no table ${unknown.join(', ')}`)
  return names.filter((name) => !lasting.includes(name))
}

async function rowsOf(sql: Sql, tables: readonly string[]): Promise<Record<string, number>> {
  const counts = await Promise.all(
    tables.map(async (table) => {
      const [row] = await sql<
        { count: number }[]
      >`select count(*)::integer as count from ${sql(table)}`
      return [`rows of ${table}`, row?.count ?? 0] as const
    }),
  )
  return Object.fromEntries(counts)
}

/** Of those that only grow and need not: so many for a Run. */
async function lastingOfEach(sql: Sql, runs: number): Promise<Facts> {
  const rows = Object.entries(await rowsOf(sql, ['attempt', 'audit']))
  return Object.fromEntries(rows.map(([name, count]) => [`${name} for a Run`, count / runs]))
}

/** What would lie in its log, and what its server has written to one. */
const logsOf = ({ running, folder }: BlackBox): Facts => ({
  'said by the home, bytes': running.output().length,
  'postgres.log, bytes': statSync(join(folder, 'home/postgres/postgres.log')).size,
})

type Counters = { transactions: number; bytes: number; history: number }

async function counters(sql: Sql): Promise<Counters> {
  await sql`select pg_stat_force_next_flush()`
  const [row] = await sql<Counters[]>`
    select (select sum(xact_commit)::float8 from pg_stat_database) as transactions,
           (select wal_bytes::float8 from pg_stat_wal) as bytes,
           (select n_tup_ins::float8 from pg_stat_user_tables where relname = 'run_history') as history`
  if (!row) throw new Error('the server counts nothing')
  return row
}

async function checkAllDone(sql: Sql, runs: number): Promise<void> {
  const [row] = await sql<{ done: number; all: number }[]>`
    select count(*) filter (where status = 'done')::integer as done, count(*)::integer as all
      from run join plan on plan.id = plan_id and plan.name is null`
  if (row?.done !== runs || row.all !== runs)
    throw new Error(`${row?.done} of ${row?.all} Runs are done, not ${runs}`)
}
