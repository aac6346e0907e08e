import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { begin, connect, type Sql } from '#shared/database/sql.ts'
import { startHomeWith } from '#tests/support/local-home.ts'
import {
  atMost,
  finding,
  median,
  ratioOf,
  roundsAtLeast,
  spread,
  sum,
  type Benchmark,
} from './harness.ts'
import { populated, sizes } from './population.ts'
import { processorTimeOf, treeOf } from './processes.ts'
import { pollForEver } from './six-polls.ts'

// Each round sees four sweeps, one cleaning up, and four turns of most polls.
const round = 20_000
const [, , size] = sizes

/** What was used since the first look: seconds of a processor, and statements. */
type Used = { home: number; homeServer: number; pollsServer: number; statements: number }

export default {
  id: 'B3',
  what: `an idle local home over a database with ${size} Data and 1,000 Plans: queries and processor`,
  async run(bench) {
    const population = await populated(bench)
    const { options } = population.open(size)
    const path = String((options as { path?: string }).path)
    const session = (name: string): Sql => {
      // Not written down: that is counted.
      const connection = { application_name: name, log_statement: 'none' }
      const sql = connect('postgres://knit@embedded-postgres.invalid', {
        path,
        database: `data_${size}`,
        connection,
      })
      bench.onEnd(() => sql.end({ timeout: 5 }))
      return sql
    }
    const sql = session('watch')
    const log = await statementLog(sql)
    bench.onEnd(() => sql.unsafe(`alter database data_${size} reset log_statement`))
    await putToRest(sql)
    const folder = await bench.folder('idle')
    const home = await startHomeWith(join(folder, 'home'), {
      args: ['--engine', 'sandbox', '--database', `postgres:///data_${size}`],
      env: { PGHOST: dirname(path), PGUSER: 'knit' },
    })
    bench.onEnd(() => home.stop())
    const ended = new AbortController()
    const polling = pollForEver(session('polls'), ended.signal)
    polling.catch(() => {})

    const homeServer = sessionTimes(sql, 'knitfab')
    const pollsServer = sessionTimes(sql, 'polls')
    const look = async (): Promise<Used> => ({
      home: processorTimeOf(treeOf(home.pid)),
      homeServer: await homeServer(),
      pollsServer: await pollsServer(),
      statements: log.count(),
    })
    // What is done once, at the start, and once a minute.
    await wait(round / 2)
    const rounds: Used[] = []
    for (let before = await look(); rounds.length < roundsAtLeast;) {
      await Promise.race([wait(round), polling])
      const after = await look()
      rounds.push(difference(after, before))
      before = after
      bench.say(JSON.stringify(rounds.at(-1)))
    }
    ended.abort()
    await polling
    const seconds = round / 1000
    const share = (used: (of: Used) => number) => rounds.map((of) => (used(of) / seconds) * 100)
    const ours = share(({ home, homeServer }) => home + homeServer)
    const theirs = share(({ pollsServer }) => pollsServer)
    const queries = rounds.map(({ statements }) => statements / seconds)
    if (median(queries) === 0) throw new Error('no statement of the home was seen')
    const [rows] = await sql<{ data: number; plans: number }[]>`
      select (select count(*) from data)::integer as data,
             (select count(*) from plan where name is null)::integer as plans`
    return [
      finding(
        { id: 'B3', what: 'statements of an idle home', unit: 'a second' },
        spread(queries),
        atMost(1),
        {
          'of the six polls': (5 / 5 + 1 / 30) * 3,
          data: rows?.data ?? 0,
          plans: rows?.plans ?? 0,
          ...population.settings,
        },
      ),
      finding(
        {
          id: 'B3.processor',
          what: 'processor an idle home takes, with that of its database',
          unit: '% of a core',
        },
        spread(ours),
        atMost(1),
        {
          'the process of the home': median(share(({ home }) => home)),
          'its sessions at the server': median(share(({ homeServer }) => homeServer)),
          'sessions of the six polls, without the processes that ask': median(theirs),
          'sessions of the home / of the polls': ratioOf(
            share(({ homeServer }) => homeServer),
            theirs,
          ).ratio,
        },
      ),
    ]
  },
} satisfies Benchmark

const difference = (after: Used, before: Used): Used =>
  Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Used]]),
  ) as Used

/** Ends what other benchmarks have left to do in this database. */
async function putToRest(sql: Sql): Promise<void> {
  await begin(sql, async (tx) => {
    // Without the trigger that keeps Runs to their legal moves.
    await tx`select set_config('session_replication_role', 'replica', true)`
    await tx`update run set status = 'done' where status <> 'done'`
    await tx`update nomination set due = false where due`
    for (const table of ['outbox', 'match_task', 'garbage', 'agent'])
      await tx`delete from ${tx(table)}`
  })
  await sql.unsafe('vacuum (analyze) run, nomination, outbox, match_task')
}

/** Seconds of a processor that the sessions of this name have taken, those that have ended among them. */
function sessionTimes(sql: Sql, name: string): () => Promise<number> {
  const times = new Map<number, number>()
  return async () => {
    const rows = await sql<{ pid: number }[]>`
      select pid
        from pg_stat_activity
       where datname = current_database() and application_name = ${name}`
    for (const { pid } of rows) times.set(pid, processorTimeOf([pid]))
    return sum([...times.values()])
  }
}

/** Has the server write down every statement of the sessions to come. */
async function statementLog(sql: Sql): Promise<{ count(): number }> {
  const [server] = await sql<{ folder: string; database: string }[]>`
    select current_setting('data_directory') as folder, current_database() as database`
  await sql.unsafe(`alter database ${server?.database} set log_statement = 'all'`)
  const path = join(dirname(server?.folder ?? ''), 'postgres.log')
  return {
    count: () => readFileSync(path, 'utf8').match(/LOG: {2}(statement|execute)/g)?.length ?? 0,
  }
}
