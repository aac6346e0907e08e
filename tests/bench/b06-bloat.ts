import type { Sql } from '#shared/database/sql.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  quantile,
  ratioOf,
  timed,
  type Bench,
  type Benchmark,
} from './harness.ts'
import { scale, settingsOf } from './population.ts'
import { atOnce, openQueue, serverFor, type Queue } from './relay.ts'

const rounds = 5
const perRound = 10_000 * scale
const dead = 1e6 * scale

export default {
  id: 'B6',
  what: `an event through relay and step, with an old transaction open and ${dead} dead rows in the outbox, and without`,
  async run(bench) {
    const server = await serverFor(bench, 'bloat')
    const served = new Map<string, () => void>()
    const onServed = (id: string) => served.get(id)?.()
    const calm = await openQueue(bench, server, 'calm', onServed)
    const bloated = await openQueue(bench, server, 'bloated', onServed)
    await bloat(bench, bloated.sql)
    const latencies = { calm: [] as number[], bloated: [] as number[] }
    const measure = (name: keyof typeof latencies, queue: Queue) => async (): Promise<number> => {
      const times: number[] = []
      const left = Array.from({ length: perRound }).values()
      const lane = async (): Promise<void> => {
        for (const _ of left) times.push(await once(queue, served))
      }
      await Promise.all(Array.from({ length: atOnce }, lane))
      await queue.settle()
      latencies[name].push(...times)
      await queue.check(perRound)
      return quantile(times, 0.99)
    }
    const samples = await alternate(rounds, {
      calm: measure('calm', calm),
      bloated: measure('bloated', bloated),
      wholeLook: () => timed(() => bloated.world.relay.drain()),
    })
    const [rows] = await bloated.sql<{ dead: number; age: number }[]>`
      select n_dead_tup::integer as dead,
             (select extract(epoch from now() - min(xact_start))::integer
                from pg_stat_activity
               where datname = current_database() and state = 'idle in transaction') as age
        from pg_stat_user_tables
       where relname = 'outbox'`
    if (!rows || rows.dead < dead || rows.age < 1)
      throw new Error(`there is no bloat: ${JSON.stringify(rows)}`)
    return [
      finding(
        {
          id: 'B6',
          what: 'p99 from an event to the end of its step: with bloat / without',
          unit: '×',
        },
        ratioOf(samples.bloated, samples.calm),
        atMost(2),
        {
          'without, ms': `p50 ${median(latencies.calm).toFixed(1)}, p99 ${median(samples.calm).toFixed(1)}`,
          'with, ms': `p50 ${median(latencies.bloated).toFixed(1)}, p99 ${median(samples.bloated).toFixed(1)}`,
          events: `${rounds * perRound} of each, ${atOnce} at a time`,
          'dead rows': rows.dead,
          'age of the open transaction, s': rows.age,
          'a look of the sweep, at all of the outbox, ms': median(samples.wholeLook),
          ...(await settingsOf(bloated.sql)),
        },
      ),
    ]
  },
} satisfies Benchmark

/**
 * A transaction that keeps all rows that go after its beginning, and many that went, of the hour before this one. How old it is makes
 * no difference: what the server may not forget are the rows that went since it began, were that seconds ago or half an hour.
 */
async function bloat(bench: Bench, sql: Sql): Promise<void> {
  const held = await sql.reserve()
  // The server ends no other session of ours that is silent for so long.
  await held`set idle_in_transaction_session_timeout = 0`
  await held`begin isolation level repeatable read`
  await held`select count(*) from outbox`
  bench.onEnd(async () => {
    await held`rollback`
    held.release()
  })
  await sql`
    insert into outbox (id, type, subject, data)
    select id, 'run.ready', id, jsonb_build_object('runId', id, 'attempt', 1)
      from (
        select uuidv7(-(7200 - 3600.0 * i / ${dead}) * interval '1 s') as id from generate_series(1, ${dead}) as i
      ) as made`
  await sql`delete from outbox`
  await sql`analyze outbox`
}

/** Milliseconds from before the transaction that records an event to the end of the step that it wakes. */
async function once(queue: Queue, served: Map<string, () => void>): Promise<number> {
  const { sql, world } = queue
  const [row] = await sql<{ id: string }[]>`
    insert into bench.work values (uuidv7(), 'due') returning id`
  const id = row?.id ?? ''
  const done = Promise.withResolvers<void>()
  served.set(id, done.resolve)
  const took = await timed(async () => {
    await sql`
      insert into outbox (type, subject, data)
      values ('run.ready', ${id}, jsonb_build_object('runId', ${id}::text, 'attempt', 1))`
    world.relay.wake()
    await done.promise
  })
  served.delete(id)
  return took
}
