import { changeTags } from '#shared/database/data.ts'
import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { begin, type Sql } from '#shared/database/sql.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  ratioOf,
  timed,
  type Benchmark,
  type Facts,
} from './harness.ts'
import { populated, sizes } from './population.ts'
import { stepOn, takeOutbox } from './world.ts'

const rounds = 5
const many = 1000
const by = { actor: 'bench' }
const measure = { bytes: 1, files: 1, digest: 'sha256:bench' }
const [small, , large] = sizes

export default {
  id: 'B20',
  what: `a Data is given a tag that 0, 1 and ${many} Plans ask for: time until all Runs are committed`,
  async run(bench) {
    const population = await populated(bench)
    const few = await retagger(population.open(small))
    const much = await retagger(population.open(large))
    // What is small is done several times for a sample.
    const samples = await alternate(rounds, {
      none: () => repeated(20, () => much(0)),
      one: () => repeated(20, () => much(1)),
      many: () => much(many),
      fewNone: () => repeated(20, () => few(0)),
      fewOne: () => repeated(20, () => few(1)),
      fewMany: () => few(many),
    })
    const perRun = samples.many.map((ms) => ms / many)
    const facts: Facts = {
      'no Plan, ms': median(samples.none),
      'one Plan, ms': median(samples.one),
      [`${many} Plans, ms`]: median(samples.many),
      [`each of ${many} Runs, ms`]: median(perRun),
      ...population.settings,
    }
    return [
      finding(
        {
          id: 'B20',
          what: `re-tagging at ${large} Data: cost with ${many} Plans, for each Run / cost with one Plan`,
          unit: '×',
        },
        ratioOf(perRun, samples.one),
        atMost(1.5),
        facts,
      ),
      finding(
        {
          id: 'B20.data',
          what: `re-tagging for ${many} Plans: cost at ${large} Data / at ${small} Data`,
          unit: '×',
        },
        ratioOf(samples.many, samples.fewMany),
        atMost(1.5),
        {
          'the same for one Plan, ×': ratioOf(samples.one, samples.fewOne).ratio,
          'the same for no Plan, ×': ratioOf(samples.none, samples.fewNone).ratio,
        },
      ),
    ]
  },
} satisfies Benchmark

async function repeated(times: number, work: () => Promise<number>): Promise<number> {
  let took = 0
  for (let i = 0; i < times; i += 1) took += await work()
  return took / times
}

// As many as the step has in the product.
const projectedAtOnce = 2

/** Tags a new data so that it fits so many plans; milliseconds until its Runs are committed. */
async function retagger(sql: Sql): Promise<(plans: number) => Promise<number>> {
  for (const plans of [1, many]) await addPlans(sql, plans)
  const match = stepOn(sql, matchData)
  const project = stepOn(sql, projectRuns)
  return async (plans) => {
    const upload = await beginUpload(sql, [], 60, by)
    await completeUpload(sql, upload, measure, by)
    await match('data.ready', { runId: upload.run.id }).ended
    await takeOutbox(sql)
    const { knitId } = upload
    const change = { add: [tagOf(plans)] }
    const took = await timed(async () => {
      await begin(sql, (tx) => changeTags(tx, knitId, change, 100, by))
      await match('data.tagged', { knitId }).ended
      const told = (await takeOutbox(sql)).filter(({ type }) => type === 'data.nominated').values()
      const work = async (): Promise<void> => {
        for (const { subject } of told) await project('data.nominated', { planId: subject }).ended
      }
      await Promise.all(Array.from({ length: projectedAtOnce }, work))
    })
    const [made] = await sql<{ runs: number }[]>`
      select count(*)::integer as runs from assign where knit_id = ${knitId}`
    if (made?.runs !== plans) throw new Error(`${made?.runs} Runs were made for ${plans} Plans`)
    await takeOutbox(sql)
    return took
  }
}

const tagOf = (plans: number) => ({ key: 'retag', value: String(plans) })

/** Plans that ask for one tag. */
async function addPlans(sql: Sql, count: number): Promise<void> {
  const { key, value } = tagOf(count)
  await sql`
    insert into tag (key, value, digest)
    values (${key}, ${value}, sha256(convert_to(${key}, 'UTF8') || '\\x00'::bytea || convert_to(${value}, 'UTF8')))`
  await sql`
    with made as (
      insert into plan (image, image_tag, hash)
      select image, '1', sha256(convert_to(image, 'UTF8'))
        from generate_series(1, ${count}) as i, concat('bench.test/retag-', ${count}::text, '-', i) as image
      returning id
    ), written as (
      insert into output (plan_id, position, path) select id, 0, '/out' from made
    )
    insert into input (plan_id, position, path, tags, rarest_tag)
    select made.id, 0, '/in', array[tag.id], tag.id
      from made, tag
     where (key, value) = (${key}, ${value})`
  await sql`analyze plan, input, output, tag`
}
