import { setTimeout as wait } from 'node:timers/promises'
import { availableParallelism } from 'node:os'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { begin, type Sql } from '#shared/database/sql.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  quantile,
  ratioOf,
  spread,
  timed,
  type Benchmark,
  type Facts,
} from './harness.ts'
import { processorTimeOf, treeOf } from './processes.ts'
import { blackBox, databaseOf, pushSmall, smallFolder, type BlackBox } from './home.ts'
import { populate, settingsOf, sizes } from './population.ts'

const rounds = 5
const [, size] = sizes
const matching = { key: 'kind', value: 'sample' }
// Row by row takes minutes for all of them, and as long for each.
const oneByOne = Math.min(500, size)

export default {
  id: 'B4',
  what: `a Plan is registered that ${size} Data fit: time until all its Runs are committed, and the API meanwhile`,
  async run(bench) {
    const box = await blackBox(bench)
    const sql = databaseOf(bench, box)
    await populate(sql, size)
    await fillMachine(box)
    const bare = await bareTables(sql)
    const answers: number[][] = []
    const times: string[] = []
    const samples = await alternate(rounds, {
      ours: async () => {
        const watch = watchApi(box)
        const used = processorTimes(box)
        const { planId, ...stages } = await fanOut(box, sql)
        const processor = used()
        answers.push(await watch.stop())
        await checkAndForget(sql, planId)
        times.push(
          `matched after ${seconds(stages.matched)}, all Runs after ${seconds(stages.made)}; processor: ${processor}`,
        )
        bench.say(times.at(-1) ?? '')
        return stages.made
      },
      insertSelect: () => bare.insertSelect(),
      rowByRow: () => bare.rowByRow(),
      idle: async () => {
        const watch = watchApi(box)
        await wait(1000)
        return quantile(await watch.stop(), 0.99)
      },
    })
    // The first round, which is not counted, as everywhere.
    const counted = answers.slice(1)
    const facts: Facts = {
      'ours, s': median(samples.ours) / 1000,
      'insert … select of the same rows, s': median(samples.insertSelect) / 1000,
      'row by row, s (from a sample)': median(samples.rowByRow) / 1000,
      'row by row / ours': ratioOf(samples.rowByRow, samples.ours).ratio,
      'last round': times.at(-1) ?? '',
      ...(await settingsOf(sql)),
    }
    return [
      finding(
        {
          id: 'B4',
          what: `fan-out to ${size} Runs: bare insert … select of the same rows / ours`,
          unit: '×',
        },
        ratioOf(samples.insertSelect, samples.ours),
        atLeast(0.5),
        facts,
      ),
      finding(
        { id: 'B4.api', what: 'answers of the API meanwhile, p99', unit: 'ms' },
        spread(counted.map((ms) => quantile(ms, 0.99))),
        atMost(100),
        {
          'p50, ms': median(counted.flat()),
          'longest, ms': Math.max(...counted.flat()),
          answers: counted.flat().length,
          'p99 of an idle home, ms': median(samples.idle),
        },
      ),
    ]
  },
} satisfies Benchmark

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Which share of a processor whom kept busy. */
function processorTimes({ running: { pid } }: BlackBox): () => string {
  const both = () => {
    const home = processorTimeOf([pid])
    return { home, rest: processorTimeOf(treeOf(pid)) - home }
  }
  const before = both()
  return () => {
    const after = both()
    return `home ${(after.home - before.home).toFixed(1)} s, database ${(after.rest - before.rest).toFixed(1)} s`
  }
}

const trivial = { image: 'knit.local/host:1', outputs: [{ path: '/out', tags: [] }] }

/** A program that takes all processors for as long as this lasts: the Runs that are made wait, as in a home with much to do. */
async function fillMachine(box: BlackBox): Promise<void> {
  const { api } = box
  await pushSmall(box, smallFolder(box), 'bench:hog')
  const { planId } = await api.call(plans.apply, {
    body: {
      ...trivial,
      entrypoint: ['sleep', '86400'],
      inputs: [{ path: '/in', tags: ['bench:hog'] }],
      resources: { cpu: String(availableParallelism()) },
    },
  })
  for (;;) {
    const [run] = await api.call(runs.find, { plan: planId })
    if (run?.status === 'running') return
    if (run?.status === 'failed') throw new Error(`nothing fills the machine: ${run.exit?.message}`)
    await wait(50)
  }
}

let registered = 0

/** Registers a plan over HTTP and waits for its Runs; milliseconds until each stage. */
async function fanOut(
  { api }: BlackBox,
  sql: Sql,
): Promise<{ planId: string; matched: number; made: number }> {
  registered += 1
  const start = performance.now()
  const { planId } = await api.call(plans.apply, {
    body: {
      ...trivial,
      entrypoint: ['true', String(registered)],
      inputs: [{ path: '/in', tags: [`${matching.key}:${matching.value}`] }],
    },
  })
  let matched = Number.NaN
  for (;;) {
    const [left] = await sql<{ task: boolean; due: boolean }[]>`
      select exists (select from match_task where plan_id = ${planId}) as task,
             exists (select from nomination where plan_id = ${planId} and due) as due`
    const now = performance.now() - start
    if (!left?.task && Number.isNaN(matched)) matched = now
    if (!left?.task && !left?.due) return { planId, matched, made: now }
    await wait(20)
  }
}

async function checkAndForget(sql: Sql, planId: string): Promise<void> {
  const [made] = await sql<{ runs: number; outputs: number; history: number }[]>`
    select (select count(*) from run where plan_id = ${planId})::integer as runs,
           (select count(*) from data where plan_id = ${planId})::integer as outputs,
           (select count(*)
              from run_history
             where run_id in (select id from run where plan_id = ${planId}))::integer as history`
  if (made?.runs !== size || made.outputs !== size || made.history < size)
    throw new Error(`the Plan made ${JSON.stringify(made)} of ${size} Data`)
  await forget(sql, planId)
}

/** As if the plan had not been: every round finds the same tables. */
async function forget(sql: Sql, planId: string): Promise<void> {
  await sql`select set_config('session_replication_role', 'replica', false)`
  await begin(sql, async (tx) => {
    await tx`update plan set active = false where id = ${planId} and name is null`
    await tx`truncate run_history`
    for (const table of ['data', 'assign', 'nomination'])
      await tx`delete from ${tx(table)} where plan_id = ${planId}`
    await tx`delete from run where plan_id = ${planId}`
  })
  await sql`select set_config('session_replication_role', 'origin', false)`
  await sql.unsafe('vacuum (analyze) run, data, assign, nomination')
}

/** Asks the API again and again, and remembers milliseconds of each answer. */
function watchApi({ api }: BlackBox): { stop(): Promise<number[]> } {
  const times: number[] = []
  const stopped = new AbortController()
  const questions = [
    () => api.call(runs.find, { status: 'running' }),
    () => api.call(data.find, { tag: ['dataset:1'] }),
    () => api.call(plans.find, { image: 'bench.test/one' }),
  ]
  const asking = (async () => {
    for (let i = 0; !stopped.signal.aborted; i += 1) {
      times.push(await timed(() => questions[i % questions.length]?.() ?? Promise.resolve()))
      await wait(5)
    }
  })()
  return {
    stop: async () => {
      stopped.abort()
      await asking
      return times
    },
  }
}

/** The same rows by bare SQL for a plan that is there and inactive: at once, and one after another. */
async function bareTables(sql: Sql) {
  const [made] = await sql<{ planId: string; inputId: number }[]>`
    with made as (
      insert into plan (image, image_tag, hash, active)
      values ('bench.test/bare', '1', sha256('bare'), false)
      returning id
    ), written as (
      insert into output (plan_id, position, path) select id, 0, '/out' from made returning plan_id
    )
    insert into input (plan_id, position, path, tags, rarest_tag)
    select made.id, 0, '/in', array[tag.id], tag.id
      from made, tag
     where (key, value) = (${matching.key}, ${matching.value})
    returning plan_id as "planId", id as "inputId"`
  if (!made) throw new Error('the bare plan could not be made')
  const { planId, inputId } = made
  const insert = (which: ReturnType<Sql>) => sql`
    with fit as materialized (
      select uuidv7() as run_id, data.id as knit_id
        from data
        join input on data.tags @> input.tags
       where input.id = ${inputId}
         and data.ready
         and ${which}
    ), nominated as (
      insert into nomination (input_id, knit_id, plan_id, due)
      select ${inputId}::integer, knit_id, ${planId}::uuid, false from fit
    ), made as (
      insert into run (id, plan_id, status, combination)
      select run_id, ${planId}::uuid, 'deactivated', sha256(int4send(${inputId}) || uuid_send(knit_id)) from fit
    ), assigned as (
      insert into assign (run_id, plan_id, input_id, knit_id)
      select run_id, ${planId}::uuid, ${inputId}::integer, knit_id from fit
    ), written as (
      insert into data (plan_id, run_id, output_id, tags)
      select ${planId}::uuid, run_id, output.id, output.tags from fit, output where output.plan_id = ${planId}
    )
    insert into run_history (run_id, attempt, status, actor)
    select run_id, 1, 'deactivated', 'bench' from fit`
  const measured = async (expected: number, work: () => Promise<unknown>): Promise<number> => {
    const took = await timed(work)
    const [found] = await sql<{ runs: number }[]>`
      select count(*)::integer as runs from run where plan_id = ${planId}`
    if (found?.runs !== expected) throw new Error(`${found?.runs} rows instead of ${expected}`)
    await forget(sql, planId)
    return took
  }
  return {
    insertSelect: () => measured(size, async () => insert(sql`true`)),
    async rowByRow(): Promise<number> {
      const rows = await sql<{ id: string }[]>`
        select data.id
          from data
          join input on data.tags @> input.tags
         where input.id = ${inputId} and data.ready
         limit ${oneByOne}`
      const took = await measured(oneByOne, async () => {
        for (const { id } of rows) await insert(sql`data.id = ${id}`)
      })
      return (took * size) / oneByOne
    },
  }
}
