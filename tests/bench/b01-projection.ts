import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { registerPlan } from '#shared/database/plans.ts'
import { begin, type Sql, type TransactionOptions } from '#shared/database/sql.ts'
import { definePlan } from '#shared/domain/plan.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  timed,
  type Benchmark,
  type Facts,
  type Finding,
} from './harness.ts'
import { bystanders, plansBySize, populated, sizes, tagsOf, type Populated } from './population.ts'
import { profileOf } from './profile.ts'
import { addData, finish } from './reference.ts'
import { stepOn, takeOutbox } from './world.ts'

const rounds = 5
const [small, middle, large] = sizes
const by = { actor: 'bench' }
const measure = { bytes: 1, files: 1, digest: 'sha256:bench' }

export default {
  id: 'B1',
  what: 'a data is pushed that fits plans with one, two and three inputs; time to committed Runs and their events',
  async run(bench) {
    const population = await populated(bench)
    const databases = new Map(sizes.map((size) => [size, stage(population.open(size))]))
    const at = (size: number) => databases.get(size) as Stage
    const facts = await describe(population, at)
    return [
      await beatsReference(at(middle), facts),
      await staysFlat(at(small), at(large), facts),
      ...(await isNearInsert(at(middle), facts)),
    ]
  },
} satisfies Benchmark

type Stage = {
  sql: Sql
  /** Pushes a data that fits all three plans; milliseconds until its Runs are committed. */
  ours(): Promise<number>
  /** The same by the reference's algorithm. */
  reference(): Promise<number>
  /** Milliseconds of each part of `ours`. */
  parts: Record<string, number[]>
}

function stage(sql: Sql): Stage {
  const match = stepOn(sql, matchData)
  const project = stepOn(sql, projectRuns)
  const parts: Record<string, number[]> = {}
  let pushed = 0
  const nextTags = () => tagsOf((pushed += 1))
  return {
    sql,
    parts,
    async ours() {
      const upload = await beginUpload(sql, nextTags(), 60, by)
      const planIds = await planIdsOf(sql)
      const start = performance.now()
      const processor = process.cpuUsage()
      await completeUpload(sql, upload, measure, by)
      const pushedAt = performance.now()
      const matching = match('data.ready', { runId: upload.run.id })
      // As the bus does: what a commit tells is delivered while the step that told it still looks for more.
      await matching.committed
      const matchedAt = performance.now()
      const projecting = planIds.map((planId) => project('data.nominated', { planId }))
      await Promise.all(projecting.map(({ committed }) => committed))
      const end = performance.now()
      const { user, system } = process.cpuUsage(processor)
      await Promise.all([matching, ...projecting].map(({ ended }) => ended))
      await check(sql, [upload.knitId], planIds)
      remember(parts, {
        'commit of the push': pushedAt - start,
        'match-data': matchedAt - pushedAt,
        'project-runs of three plans': end - matchedAt,
        'of these, this process computing': (user + system) / 1000,
      })
      return end - start
    },
    async reference() {
      const knitId = await addData(sql, nextTags())
      let made = 0
      const took = await timed(async () => (made = await finish(sql, knitId)))
      if (made !== plansBySize.length) throw new Error(`the reference made ${made} Runs`)
      return took
    },
  }
}

function remember(parts: Record<string, number[]>, times: Record<string, number>): void {
  for (const [name, took] of Object.entries(times)) (parts[name] ??= []).push(took)
}

const planIds = new Map<Sql, string[]>()

async function planIdsOf(sql: Sql): Promise<string[]> {
  const known = planIds.get(sql)
  if (known) return known
  const rows = await sql<{ id: string }[]>`
    select id from plan where image = any (${[...plansBySize]}::text[]) order by array_position(${[...plansBySize]}, image)`
  const ids = rows.map(({ id }) => id)
  planIds.set(sql, ids)
  return ids
}

/** Counts what was made: one Run for each data and plan, each plan told, nothing left to do. */
async function check(sql: Sql, knitIds: string[], planIds: readonly string[]): Promise<void> {
  const [made] = await sql<{ runs: number; tasks: number; due: number }[]>`
    select (select count(*) from assign where knit_id = any (${knitIds}::uuid[]))::integer as runs,
           (select count(*) from match_task)::integer as tasks,
           (select count(*) from nomination where due)::integer as due`
  const told = await takeOutbox(sql)
  const waiting = told.filter(({ type }) => type === 'run.waiting').map(({ subject }) => subject)
  const allTold = planIds.every((planId) => waiting.includes(planId))
  if (made?.runs !== knitIds.length * planIds.length || made.tasks + made.due > 0 || !allTold)
    throw new Error(`found ${JSON.stringify(made)} and events for ${waiting.length} plans`)
}

async function beatsReference(
  { sql, ours, reference, parts }: Stage,
  facts: Facts,
): Promise<Finding> {
  await repeated(30, ours)
  for (const times of Object.values(parts)) times.length = 0
  await sql`create table bench.fact (id uuid primary key, text text)`
  const samples = await alternate(rounds, {
    ours: () => repeated(5, ours),
    bare: () => repeated(5, () => bareTransactions(sql)),
    reference,
  })
  const limit = ratioOf(samples.reference, samples.bare)
  const profile = await profileOf(() => repeated(30, ours))
  return finding(
    { id: 'B1', what: `projection at ${middle} Data: the reference's time / ours`, unit: '×' },
    ratioOf(samples.reference, samples.ours),
    atLeast(300),
    {
      'ours, ms': median(samples.ours),
      'reference, ms': median(samples.reference),
      'the same transactions, of nothing but an insert each, ms': median(samples.bare),
      'reference / those': limit.ratio,
      'those / ours': ratioOf(samples.bare, samples.ours).ratio,
      profile,
      ...Object.fromEntries(Object.entries(parts).map(([name, ms]) => [`${name}, ms`, median(ms)])),
      ...facts,
    },
  )
}

/**
 * The limit: what a push, its match and three projections cost on this server if they wrote one row each and computed nothing,
 * with their round trips, one after another as the facts are.
 */
async function bareTransactions(sql: Sql): Promise<number> {
  return timed(async () => {
    await bareTransaction(sql, [1, 1])
    await bareTransaction(sql, [1, 1], asMatches)
    await Promise.all(
      [[1, 1, 1], oneTripMore, oneTripMore].map((trips) => bareTransaction(sql, trips)),
    )
  })
}

/** With more inputs than one, the candidates for the others are looked for. */
const oneTripMore = [1, 1, 1, 1]

/** What is matched need not be on the disk: it is matched again when it is lost. */
const asMatches = { durable: false }

/** A transaction that writes one row at last; of each round trip, how many statements it takes along. */
const bareTransaction = (
  sql: Sql,
  trips: readonly number[],
  options: TransactionOptions = {},
): Promise<void> =>
  begin(
    sql,
    async (tx) => {
      for (const [index, statements] of trips.entries()) {
        const looks = Array.from({ length: statements - 1 }, () => tx`select 1`)
        const isLast = index === trips.length - 1
        const last = isLast ? tx`insert into bench.fact values (uuidv7(), 'a row')` : tx`select 1`
        await Promise.all([...looks, last])
      }
    },
    options,
  )

/** Milliseconds of one, of several. */
async function repeated(times: number, work: () => Promise<number>): Promise<number> {
  let took = 0
  for (let i = 0; i < times; i += 1) took += await work()
  return took / times
}

async function staysFlat(few: Stage, many: Stage, facts: Facts): Promise<Finding> {
  const samples = await alternate(9, {
    few: () => repeated(5, few.ours),
    many: () => repeated(5, many.ours),
  })
  return finding(
    { id: 'B1.growth', what: `cost at ${large} Data / cost at ${small} Data`, unit: '×' },
    ratioOf(samples.many, samples.few),
    atMost(1.5),
    {
      [`at ${small}, ms`]: median(samples.few),
      [`at ${large}, ms`]: median(samples.many),
      [`rows at ${large}`]: facts[`rows at ${large}`] ?? '',
    },
  )
}

const backlog = 200
const singles = 20

/**
 * The round trips of a Data that fits one input of one plan, and the statements of each: it is taken; matched and forgotten. Its
 * plan is held and its nomination taken; it is held and looked at; it becomes a Run and is settled.
 */
const tripsOfOne = { match: [1, 2], project: [2, 2, 2] }

/** Data that fit one plan with one input: how fast they become Runs, one by one and many together, beside inserts of a row each. */
async function isNearInsert({ sql }: Stage, facts: Facts): Promise<Finding[]> {
  const match = stepOn(sql, matchData)
  const project = stepOn(sql, projectRuns)
  const tag = { key: 'kind', value: 'lonely' }
  const planId = await lonelyPlan(sql, tag)
  const push = async (): Promise<string> => {
    const upload = await beginUpload(sql, [tag], 60, by)
    await completeUpload(sql, upload, measure, by)
    return upload.knitId
  }
  const made = async (count: number): Promise<number> => {
    const knitIds = await Promise.all(Array.from({ length: count }, push))
    const took = await timed(async () => {
      await match('data.tagged', { knitId: knitIds[0] ?? '' }).committed
      await project('data.nominated', { planId }).ended
    })
    await check(sql, knitIds, [planId])
    return took / count
  }
  const bare = () =>
    timed(async () => {
      await bareTransaction(sql, tripsOfOne.match, asMatches)
      await bareTransaction(sql, tripsOfOne.project)
    })
  const samples = await alternate(7, {
    insert: () => insertRows(sql, backlog),
    one: () => repeated(singles, () => made(1)),
    bare: () => repeated(singles, bare),
    batch: () => made(backlog),
  })
  const profile = await profileOf(() => repeated(100, () => made(1)))
  return [
    finding(
      {
        id: 'B1.insert',
        what: 'rate of one-Run matches, of a single new Data each / rate of inserts of a row each, one connection',
        unit: '×',
      },
      ratioOf(samples.insert, samples.one),
      atLeast(0.25),
      {
        'bare insert, ms': median(samples.insert),
        'match and Run of a single Data, ms': median(samples.one),
        'the same two transactions, of as many statements, that write a row each, ms': median(
          samples.bare,
        ),
        'rate of those / rate of inserts': ratioOf(samples.insert, samples.bare).ratio,
        'those / ours': ratioOf(samples.bare, samples.one).ratio,
        'profile, with the pushes': profile,
        fsync: facts['fsync'] ?? '',
        synchronous_commit: facts['synchronous_commit'] ?? '',
      },
    ),
    finding(
      {
        id: 'B1.batch',
        what: `rate of one-Run matches, of ${backlog} new Data told together / rate of inserts of a row each, one connection`,
        unit: '×',
      },
      ratioOf(samples.insert, samples.batch),
      atLeast(0.25),
      { 'match and Run, ms': median(samples.batch) },
    ),
  ]
}

async function lonelyPlan(sql: Sql, tag: { key: string; value: string }): Promise<string> {
  const limits = { maxTags: 100, maxTagBytes: 4096, maxInputs: 100, maxOutputs: 100 }
  const spec = { image: 'bench.test/lonely:1', entrypoint: ['true'], outputs: [] }
  const plan = definePlan({ ...spec, inputs: [{ path: '/in', tags: [tag] }] }, limits)
  const result = await registerPlan(sql, plan, by)
  if (!('planId' in result)) throw new Error('the plan of the benchmark was refused')
  return result.planId
}

/** Inserts rows, each in its own transaction: what a commit costs here. Milliseconds for one. */
async function insertRows(sql: Sql, count: number): Promise<number> {
  await sql`create table if not exists bench.row (id uuid primary key, text text)`
  const took = await sql.reserve().then(async (connection) => {
    try {
      return await timed(async () => {
        for (let i = 0; i < count; i += 1)
          await connection`insert into bench.row values (uuidv7(), 'a row')`
      })
    } finally {
      connection.release()
    }
  })
  const [found] = await sql<{ rows: number }[]>`
    with gone as (delete from bench.row returning 1) select count(*)::integer as rows from gone`
  if (found?.rows !== count) throw new Error(`${found?.rows} rows instead of ${count}`)
  return took / count
}

/** The settings and the rows, read back from the servers. */
async function describe({ settings }: Populated, at: (size: number) => Stage): Promise<Facts> {
  const rows = await Promise.all(
    sizes.map(async (size) => {
      const [count] = await at(size).sql<Record<string, number>[]>`
        select (select count(*) from data where ready)::integer as data,
               (select count(*) from run)::integer as runs,
               (select count(*) from assign)::integer as assignments,
               (select count(*) from nomination)::integer as nominations,
               (select count(*) from plan where name is null)::integer as plans`
      const text = Object.entries(count ?? {}).map(([name, value]) => `${value} ${name}`)
      return [`rows at ${size}`, text.join(', ')]
    }),
  )
  return { ...Object.fromEntries(rows), bystanders, ...settings }
}
