import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Logger, makeWorkerUtils, run, type Runner } from 'graphile-worker'
import type { EventName } from '#shared/contracts/events.ts'
import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { registerPlan } from '#shared/database/plans.ts'
import type { Sql } from '#shared/database/sql.ts'
import { definePlan } from '#shared/domain/plan.ts'
import { parseTag } from '#shared/domain/tag.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { startLocalHome, type LocalHome } from '../../functions/local/start.ts'
import {
  atMost,
  finding,
  median,
  quantile,
  ratioOf,
  timed,
  type Bench,
  type Benchmark,
} from './harness.ts'
import { settingsOf } from './population.ts'

const rounds = 5
const perRound = 40
const by = { actor: 'bench' }
const measure = { bytes: 1, files: 1, digest: 'sha256:bench' }
const tag = parseTag('bench:latency')

export default {
  id: 'B2',
  what: 'from the commit of a push to its worker, in a warm local home',
  async run(bench) {
    const folder = join(await bench.folder('latency'), 'home')
    const options = { home: folder, port: '0', engine: 'sandbox' } as const
    const home = await startLocalHome(options, { ...process.env, KNIT_LOG_LEVEL: 'error' })
    bench.onEnd(() => home.stop())
    const push = await pusher(home)
    const job = await graphile(bench, home.world.sql)

    for (let i = 0; i < 20; i += 1) {
      await push()
      await job()
    }
    const ours: number[][] = []
    const releases: number[] = []
    const ways: Parts[] = []
    const theirs: number[][] = []
    const commits: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const samples = { ours: [] as number[], theirs: [] as number[] }
      for (let i = 0; i < perRound; i += 1) {
        const { created, released, parts } = await push()
        samples.ours.push(created)
        ways.push(parts)
        releases.push(released)
        samples.theirs.push(await job())
        commits.push(await timed(() => commit(home.world.sql)))
      }
      ours.push(samples.ours)
      theirs.push(samples.theirs)
    }
    const at = (q: number) =>
      ratioOf(
        ours.map((samples) => quantile(samples, q)),
        theirs.map((samples) => quantile(samples, q)),
      )
    const facts = {
      'until the worker is created, ms': describe(ours.flat()),
      'where its time goes, ms': describeParts(ways),
      'until the program has been started, ms': describe(releases),
      'graphile-worker, ms': describe(theirs.flat()),
      'one commit, ms': describe(commits),
      pushes: rounds * perRound,
      ...(await settingsOf(home.world.sql)),
    }
    return [
      finding(
        {
          id: 'B2',
          what: 'push to created worker / graphile-worker add_job to start, p50',
          unit: '×',
        },
        at(0.5),
        atMost(5),
        facts,
      ),
      finding({ id: 'B2.p99', what: 'the same, p99', unit: '×' }, at(0.99), atMost(20), {}),
    ]
  },
} satisfies Benchmark

const describe = (ms: readonly number[]): string =>
  `p50 ${median(ms).toFixed(1)}, p99 ${quantile(ms, 0.99).toFixed(1)}`

type Latency = { created: number; released: number; parts: Parts }
/** Milliseconds of each part of the way, in order. */
type Parts = Record<string, number>

/** A part ends as its event is published, at the latest when the worker is there. */
const partOf: Partial<Record<EventName, string>> = {
  'data.ready': 'push committed',
  'data.nominated': 'matched',
  'run.waiting': 'run made',
  'run.ready': 'admitted, volumes made',
}

/** Pushes a data and waits for its worker; milliseconds from the call that commits the push. */
async function pusher(home: LocalHome): Promise<() => Promise<Latency>> {
  const { sql, bus, cluster, relay } = home.world
  const limits = { maxTags: 100, maxTagBytes: 4096, maxInputs: 100, maxOutputs: 100 }
  const plan = definePlan(
    {
      image: 'knit.local/host:1',
      entrypoint: ['true'],
      inputs: [{ path: '/in', tags: [tag] }],
      outputs: [{ path: '/out', tags: [] }],
    },
    limits,
  )
  await registerPlan(sql, plan, by)
  relay.wake()

  const at = { created: 0, released: 0 }
  const told = new Map<string, number>()
  const publish = bus.publish.bind(bus)
  bus.publish = async (events) => {
    for (const { name } of events) told.set(partOf[name] ?? '', performance.now())
    await publish(events)
  }
  let released = Promise.withResolvers<void>()
  const ensure = cluster.ensureWorker.bind(cluster)
  cluster.ensureWorker = async (spec) => {
    const worker = await ensure(spec)
    at.created = performance.now()
    return worker
  }
  const release = cluster.releaseWorker.bind(cluster)
  cluster.releaseWorker = async (worker) => {
    await release(worker)
    at.released = performance.now()
    released.resolve()
  }
  return async () => {
    released = Promise.withResolvers()
    const upload = await beginUpload(sql, [tag], 60, by)
    await cluster.ensureVolume({ name: volumeOf(upload.knitId), labels: { knitid: upload.knitId } })
    const start = performance.now()
    await completeUpload(sql, upload, measure, by)
    relay.wake()
    await released.promise
    const took = { created: at.created - start, released: at.released - start }
    const parts = partsOf(told, { start, created: at.created })
    await idle(sql)
    told.clear()
    return { ...took, parts }
  }
}

function partsOf(
  told: ReadonlyMap<string, number>,
  { start, created }: { start: number; created: number },
): Parts {
  const ends = Object.values(partOf).flatMap((part) => {
    const end = told.get(part)
    return end === undefined ? [] : ([[part, end]] as const)
  })
  const all = [...ends, ['worker created', created] as const]
  return Object.fromEntries(all.map(([part, end], i) => [part, end - (all[i - 1]?.[1] ?? start)]))
}

const describeParts = (all: readonly Parts[]): string =>
  Object.keys(all[0] ?? {})
    .map((part) => `${part} ${median(all.map((parts) => parts[part] ?? 0)).toFixed(1)}`)
    .join(', ')

/** Resolves when every Run has ended and every event has been served, so that the next push finds nobody busy. */
async function idle(sql: Sql): Promise<void> {
  for (;;) {
    const [left] = await sql`
      select from run where status not in ('done', 'failed') union all select from outbox limit 1`
    if (!left) return
    await wait(5)
  }
}

/** The same by a queue of jobs: a job that does nothing, on the same server; milliseconds from adding it to its start. */
async function graphile(bench: Bench, sql: Sql): Promise<() => Promise<number>> {
  await sql.unsafe('create database graphile')
  const socket = String((sql.options as { path?: string }).path)
  const host = encodeURIComponent(dirname(socket))
  const connectionString = `postgres://knit@localhost/graphile?host=${host}`
  // Neither side writes a log.
  const options = { connectionString, logger: new Logger(() => () => {}) }
  const utils = await makeWorkerUtils(options)
  await utils.migrate()
  let started = Promise.withResolvers<number>()
  const runner: Runner = await run({
    ...options,
    noHandleSignals: true,
    taskList: {
      nothing: async () => started.resolve(performance.now()),
    },
    parsedCronItems: [],
  })
  bench.onEnd(async () => {
    await runner.stop()
    await utils.release()
  })
  return async () => {
    started = Promise.withResolvers()
    const start = performance.now()
    await utils.addJob('nothing', {})
    const took = (await started.promise) - start
    // Until the job is taken off, so that the next one finds nobody busy.
    await wait(10)
    return took
  }
}

/** What cannot be faster: a row, committed. */
const commit = (sql: Sql): Promise<unknown> =>
  sql`insert into dead_letter (step, event, cause) values ('bench', '{}', 'none')`
