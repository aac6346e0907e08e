import { dirname } from 'node:path'
import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { PgBoss } from 'pg-boss'
import { begin, connect } from '#shared/database/sql.ts'
import {
  alternate,
  atLeast,
  finding,
  median,
  ratioOf,
  timed,
  type Bench,
  type Benchmark,
} from './harness.ts'
import { scale, settingsOf } from './population.ts'
import { profileOf } from './profile.ts'
import { atOnce, openQueue, serverFor, type Queue, type Server } from './relay.ts'

const rounds = 5
const events = 50_000 * scale
const perRound = events / rounds
const batch = 500
const several = { two: 2, ten: 10 }

export default {
  id: 'B5',
  what: `${events} events, ${perRound} in each round, through the relay and a step that makes one guarded update each`,
  async run(bench) {
    const server = await serverFor(bench, 'relay')
    const queue = await openQueue(bench, server, 'ours')
    const { sql } = queue
    const graphile = await graphileWorker(bench, server, queue)
    const boss = await pgBoss(bench, server, queue)
    const measured = (work: (ids: string[]) => Promise<number>) => async (): Promise<number> => {
      await queue.prepare(perRound)
      const rows = await sql<{ id: string }[]>`select id from bench.work`
      const took = await work(rows.map(({ id }) => id))
      await queue.check(perRound)
      return took
    }
    const ours = measured(async () => {
      await queue.tell()
      return timed(() => queue.settle())
    })
    const relays = queue.moreRelays(several.ten)
    const drainedBy = (count: number) =>
      measured(async () => {
        await queue.tell()
        return timed(() => queue.settle(relays.slice(0, count)))
      })
    const samples = await alternate(rounds, {
      ours,
      one: drainedBy(1),
      two: drainedBy(several.two),
      ten: drainedBy(several.ten),
      graphile: measured(graphile),
      boss: measured(boss),
      drain: measured(async (ids) => {
        await queue.tell()
        const took = await timed(() => bareDrain(queue))
        await updateAll(queue, ids)
        return took
      }),
      updates: measured((ids) => timed(() => updateAll(queue, ids))),
    })
    const profile = await profileOf(ours)
    const rate = (ms: number[]) => Math.round(perRound / (median(ms) / 1000))
    return [
      finding(
        {
          id: 'B5',
          what: 'events through relay and step: time of graphile-worker, batched / ours',
          unit: '×',
        },
        ratioOf(samples.graphile, samples.ours),
        atLeast(1),
        {
          'ours, a second': rate(samples.ours),
          'graphile-worker, a second': rate(samples.graphile),
          'pg-boss, a second': rate(samples.boss),
          'bare drain, a second': rate(samples.drain),
          'the bare updates alone, a second': rate(samples.updates),
          'those and the bare drain / ours': ratioOf(
            samples.updates.map((ms, round) => ms + (samples.drain[round] ?? 0)),
            samples.ours,
          ).ratio,
          'at a time': atOnce,
          profile,
          ...(await settingsOf(sql)),
        },
      ),
      finding(
        { id: 'B5.boss', what: `time of pg-boss, batches of ${batch} / ours`, unit: '×' },
        ratioOf(samples.boss, samples.ours),
        atLeast(4),
        { 'the bare updates alone, of its time, ×': ratioOf(samples.updates, samples.boss).ratio },
      ),
      finding(
        { id: 'B5.drain', what: 'time of the bare drain, which updates nothing / ours', unit: '×' },
        ratioOf(samples.drain, samples.ours),
        atLeast(0.25),
        {
          'time of the bare updates alone, which drain nothing / ours': ratioOf(
            samples.updates,
            samples.ours,
          ).ratio,
        },
      ),
      ...(['two', 'ten'] as const).map((many) =>
        finding(
          {
            id: `B5.${many}`,
            what: `the outbox drained by ${several[many]} relays at a time: time of one relay / theirs`,
            unit: '×',
          },
          ratioOf(samples.one, samples[many]),
          notWorse,
          { 'one, a second': rate(samples.one), 'theirs, a second': rate(samples[many]) },
        ),
      ),
    ]
  },
} satisfies Benchmark

/** The step does the same work whoever publishes: it is no faster with more of them, and differs by this from round to round. */
const notWorse = atLeast(0.9)

/** Takes the events off the outbox and does nothing with them. */
async function bareDrain({ sql }: Queue): Promise<void> {
  const drain = async (): Promise<void> => {
    for (;;) {
      const { count } = await begin(
        sql,
        (tx) => tx`
          delete from outbox
           where id in (select id from outbox order by id limit 100 for update skip locked)
          returning *`,
      )
      if (count === 0) return
    }
  }
  await Promise.all(Array.from({ length: 4 }, drain))
}

/** The updates alone, as many at a time as the step serves. */
async function updateAll({ move }: Queue, ids: readonly string[]): Promise<void> {
  const left = ids.values()
  const work = async (): Promise<void> => {
    for (const id of left) await move(id)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** A queue of somebody else is given jobs for these rows; milliseconds until all are done. */
type Peer = (ids: string[]) => Promise<number>

/** Resolves when it has been called so often. */
function countdown() {
  let left = 0
  let done = Promise.withResolvers<void>()
  return {
    start(count: number): Promise<void> {
      left = count
      done = Promise.withResolvers()
      return done.promise
    },
    one(): void {
      left -= 1
      if (left === 0) done.resolve()
    },
  }
}

async function databaseFor(server: Server, name: string): Promise<string> {
  const admin = connect(server.url, { ...server.options, max: 1 })
  await admin.unsafe(`create database ${name}`)
  await admin.end()
  return `postgres://knit@localhost/${name}?host=${encodeURIComponent(dirname(server.options.path))}`
}

/** It fetches and completes jobs in batches; nothing else about it is slower than it can be. */
async function graphileWorker(bench: Bench, server: Server, { move }: Queue): Promise<Peer> {
  const connectionString = await databaseFor(server, 'graphile')
  const options = { connectionString, logger: new Logger(() => () => {}) }
  const utils = await makeWorkerUtils(options)
  await utils.migrate()
  const jobs = countdown()
  const runner = await run({
    ...options,
    noHandleSignals: true,
    parsedCronItems: [],
    preset: {
      worker: {
        concurrentJobs: atOnce,
        maxPoolSize: 10,
        localQueue: { size: batch },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    taskList: {
      move: async (payload) => {
        await move((payload as { id: string }).id)
        jobs.one()
      },
    },
  })
  bench.onEnd(async () => {
    await runner.stop()
    await utils.release()
  })
  return async (ids) => {
    const done = jobs.start(ids.length)
    let start = 0
    // Nothing is fetched before this has been committed.
    await utils.addJobs(ids.map((id) => ({ identifier: 'move', payload: { id } })))
    start = performance.now()
    await done
    return performance.now() - start
  }
}

/** It fetches the next batch as soon as a full one is done. */
async function pgBoss(bench: Bench, server: Server, { move }: Queue): Promise<Peer> {
  const boss = new PgBoss({
    connectionString: await databaseFor(server, 'boss'),
    max: 10,
    supervise: false,
    schedule: false,
  })
  await boss.start()
  bench.onEnd(() => boss.stop({ graceful: false }))
  await boss.createQueue('move')
  const jobs = countdown()
  const options = { batchSize: batch, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true }
  await boss.work<{ id: string }>('move', options, async (fetched) => {
    const left = fetched.values()
    const work = async (): Promise<void> => {
      for (const { data } of left) {
        await move(data.id)
        jobs.one()
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
  })
  return async (ids) => {
    const done = jobs.start(ids.length)
    let first: number | undefined
    const { one } = jobs
    // It looks twice a second at most; that wait is not counted.
    jobs.one = () => {
      first ??= performance.now()
      one()
    }
    await boss.insert(
      'move',
      ids.map((id) => ({ data: { id } })),
    )
    await done
    jobs.one = one
    return performance.now() - (first ?? 0)
  }
}
