import { inputsThatFit } from '#shared/database/matching.ts'
import { migrate } from '#shared/database/migrate.ts'
import { connect, type Fragment, type Sql } from '#shared/database/sql.ts'
import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  spread,
  type Benchmark,
  type Facts,
  type Finding,
} from './harness.ts'
import { scale, settingsOf } from './population.ts'

const sizes = [1e4, 1e5].map((inputs) => inputs * scale) as [number, number]
/** Inputs that the data fits, among all. */
const fitting = 3

export default {
  id: 'B19',
  what: 'which of very many plan inputs a data fits',
  async run(bench) {
    const server = await startPostgres({ folder: await bench.folder('inputs') })
    bench.onEnd(() => server.stop())
    const findings: Finding[] = []
    for (const [index, inputs] of sizes.entries()) {
      const admin = connect(server.url, { ...server.options, max: 1 })
      await admin.unsafe(`create database inputs_${inputs}`)
      await admin.end()
      const sql = connect(server.url, { ...server.options, database: `inputs_${inputs}`, max: 1 })
      bench.onEnd(() => sql.end({ timeout: 5 }))
      findings.push(...(await compare(sql, inputs, index === 0 ? 80 : 150)))
    }
    return findings
  },
} satisfies Benchmark

async function compare(sql: Sql, inputs: number, bound: number): Promise<Finding[]> {
  await migrate(sql)
  const knitId = await fill(sql, inputs)
  const ours = () => inputsThatFit(sql, [knitId])
  const counting = () => countingJoin(sql, knitId)
  await agree(sql, [ours(), counting()])
  const samples = await alternate(7, {
    ours: () => execution(sql, 50, ours),
    counting: () => execution(sql, 3, counting),
    primaryKey: () => execution(sql, 50, () => sql`select tags from data where id = ${knitId}`),
  })
  const facts: Facts = {
    'ours, ms': median(samples.ours),
    'counting join, ms': median(samples.counting),
    'primary-key lookup, ms': median(samples.primaryKey),
    ...(await describe(sql)),
  }
  const at = `${inputs} inputs`
  const id = `B19.${inputs}`
  return [
    finding(
      { id, what: `inverse match at ${at}: counting join / ours`, unit: '×' },
      ratioOf(samples.counting, samples.ours),
      atLeast(bound),
      facts,
    ),
    finding(
      { id: `${id}.ms`, what: `inverse match at ${at}`, unit: 'ms' },
      spread(samples.ours),
      atMost(1),
      {},
    ),
  ]
}

/** Milliseconds that the server executes a question, by its own account: the way there and back is longer than that. */
async function execution(sql: Sql, times: number, question: () => Fragment): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < times; i += 1) {
    const [row] = await sql<{ 'QUERY PLAN': { 'Execution Time': number }[] }[]>`
      explain (analyze, timing off, format json) ${question()}`
    took.push(row?.['QUERY PLAN'][0]?.['Execution Time'] ?? Number.NaN)
  }
  return median(took)
}

/** The same by counting the tags that each input shares with the data. */
const countingJoin = (sql: Sql, knitId: string): Fragment => sql`
  with asked as (
    select input_id, count(*) as tags from tag_input group by input_id
  ), shared as (
    select input_id, count(*) as tags
      from tag_input
      join (select unnest(tags) as tag_id from data where id = ${knitId}) as own using (tag_id)
     group by input_id
  )
  select input.id as input_id, ${knitId}::uuid as knit_id, input.plan_id
    from shared
    join asked using (input_id, tags)
    join input on input.id = input_id`

/** Everybody finds the same inputs. */
async function agree(sql: Sql, questions: readonly Fragment[]): Promise<void> {
  for (const question of questions) {
    const [answer] = await sql<{ found: number; right: number }[]>`
      select count(*)::integer as found, count(fit.id)::integer as right
        from (${question}) as found
        left join (select input.id, data.id as knit_id from input, data where input.tags <@ data.tags) as fit
          on fit.id = found.input_id and fit.knit_id = found.knit_id`
    if (answer?.found !== fitting || answer.right !== fitting)
      throw new Error(`${answer?.found} inputs were found, ${answer?.right} of them fit`)
  }
}

/**
 * Plans of two inputs with three tags each: one of ten that are everywhere, one of a hundred, one of a thousand. The data
 * carries one of each kind and so shares tags with every ninth input; it fits `fitting` of them.
 */
async function fill(sql: Sql, inputs: number): Promise<string> {
  await sql`select set_config('session_replication_role', 'replica', false)`
  await sql.unsafe(`
    insert into plan (image, image_tag, hash)
    select 'bench.test/' || i, '1', sha256(convert_to(i::text, 'UTF8'))
      from generate_series(1, ${inputs / 2}) as i;
    insert into input (plan_id, position, path, tags, rarest_tag)
    select id, position, '/in/' || position, tags, tags[3]
      from (
        select id, position, case
                 when number % ${Math.floor(inputs / fitting)} = 1 then array[1, 11, 111]
                 else array[1 + number % 10, 11 + number / 10 % 100, 112 + number % 997]
               end as tags
          from (
            select id, position, 2 * split_part(image, '/', 2)::integer + position as number
              from plan, (values (0), (1)) as side (position)
             where image is not null
          ) as numbered
      ) as wish;
    insert into run (plan_id, status) select id, 'done' from plan where name = 'knit#uploaded';
    insert into data (plan_id, run_id, output_id, tags, ready, ended_at)
    select run.plan_id, run.id, output.id, array[1, 11, 111, 112], true, now()
      from run join output on output.plan_id = run.plan_id;
    create table tag_input (tag_id integer, input_id integer, primary key (tag_id, input_id));
    insert into tag_input select unnest(tags), id from input;
    create index on tag_input (input_id);`)
  await sql`select set_config('session_replication_role', 'origin', false)`
  await sql.unsafe('vacuum (analyze)')
  const [data] = await sql<{ id: string }[]>`select id from data`
  const [right] = await sql<{ found: number }[]>`
    select count(*)::integer as found from input, data where input.tags <@ data.tags`
  if (!data || right?.found !== fitting) throw new Error(`${right?.found} inputs fit`)
  return data.id
}

async function describe(sql: Sql): Promise<Facts> {
  const [rows] = await sql<{ inputs: number; pairs: number }[]>`
    select (select count(*) from input)::integer as inputs,
           (select count(*) from tag_input)::integer as pairs`
  return {
    ...rows,
    'inputs that fit': fitting,
    fsync: (await settingsOf(sql))['fsync'] ?? '',
  }
}
