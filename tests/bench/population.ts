import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { migrate } from '#shared/database/migrate.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { timed, type Bench } from './harness.ts'
import { addReference } from './reference.ts'

// A tenth of everything, to develop benchmarks with. The facts show the true numbers of rows.
export const scale = Number(process.env['KNIT_BENCH_SCALE'] ?? 1)

/** How many data a database holds: the small, the middle, the large one. */
export const sizes = [1e4, 1e5, 1e6].map((size) => size * scale) as [number, number, number]

/** How many plans there are that the new data does not concern. */
export const bystanders = 1000

/** Databases with a history: data, the plans they fit, and the runs that were made of them, ours and the reference's. */
export type Populated = {
  /** Connects to the database with so many data. */
  open(size: number): Sql
  settings: Record<string, string>
}

/**
 * A server with the settings of the product and a database for each size. They are filled by a server that need not survive
 * anything, which is then started again as it should be.
 */
export const populated = (bench: Bench): Promise<Populated> =>
  bench.shared('population', async (bench) => {
    const folder = await bench.folder('population')
    const loading = {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_wal_size: '8GB',
      shared_buffers: '512MB',
      maintenance_work_mem: '512MB',
      work_mem: '256MB',
    }
    const loader = await startPostgres({ folder, settings: loading })
    try {
      for (const size of sizes) {
        const database = nameOf(size)
        const admin = connect(loader.url, { ...loader.options, max: 1 })
        await admin.unsafe(`create database ${database}`)
        await admin.end()
        const sql = connect(loader.url, { ...loader.options, database, max: 1 })
        const took = await timed(async () => {
          await migrate(sql)
          await populate(sql, size)
        })
        bench.say(`${size} data and their history: ${Math.round(took / 1000)} s`)
        await sql.end()
      }
    } finally {
      await loader.stop()
    }
    const server = await startPostgres({ folder })
    bench.onEnd(() => server.stop())
    const open = (size: number): Sql => {
      const sql = connect(server.url, { ...server.options, database: nameOf(size) })
      bench.onEnd(() => sql.end({ timeout: 5 }))
      return sql
    }
    return { open, settings: await settingsOf(open(sizes[0])) }
  })

const nameOf = (size: number): string => `data_${size}`

/** What the server says it does: the proof that a commit is a commit. */
export async function settingsOf(sql: Sql): Promise<Record<string, string>> {
  const rows = await sql<{ name: string; setting: string }[]>`
    select name, current_setting(name) as setting
      from unnest(array['server_version', 'fsync', 'synchronous_commit', 'shared_buffers']) as name`
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

/**
 * Every data has eight tags: one that all have, six that divide all data by coprime numbers, and so independently, and one that
 * about a hundred of a million carry.
 */
export const divisors = { format: 2, stage: 3, region: 5, project: 7, owner: 11, batch: 997 }
export const datasets = 10_007

/** The tags of the data number `i`. */
export function tagsOf(i: number): { key: string; value: string }[] {
  const divided = Object.entries(divisors).map(([key, divisor]) => ({
    key,
    value: String(i % divisor),
  }))
  return [{ key: 'kind', value: 'sample' }, ...divided, dataset(i)]
}

export const dataset = (i: number) => ({ key: 'dataset', value: String(i % datasets) })

/** What the plans take, by their images: every sample, with the one model, with the one model and the one configuration. */
export const plansBySize = ['bench.test/one', 'bench.test/two', 'bench.test/three'] as const
const asked = [
  ['kind', 'sample'],
  ['kind', 'model'],
  ['kind', 'config'],
]

/** Fills an empty database with so many data and their history, as quickly as it can be loaded. */
export async function populate(sql: Sql, size: number): Promise<void> {
  // Rows are made consistent here, so nothing is checked while they are loaded, and indexes are built afterwards.
  await sql`select set_config('session_replication_role', 'replica', false)`
  const indexes = await sql<{ name: string; definition: string }[]>`
    select index.indexrelid::regclass::text as name, pg_get_indexdef(index.indexrelid) as definition
      from pg_index as index
      join pg_class as relation on relation.oid = index.indrelid
     where relation.relnamespace = 'public'::regnamespace
       and relation.relname in ('data', 'run', 'assign', 'nomination')
       and not exists (select from pg_constraint where conindid = index.indexrelid)`
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`)
  await sql.unsafe(functions).simple()
  await sql.unsafe(tags).simple()
  await sql.unsafe(plans).simple()
  await sql.unsafe(data(size)).simple()
  await sql.unsafe(history).simple()
  for (const { definition } of indexes) await sql.unsafe(definition)
  if (size === sizes[1]) await addReference(sql)
  await sql`select set_config('session_replication_role', 'origin', false)`
  await sql.unsafe('vacuum (freeze, analyze)')
}

/** The time of the row number `i`. */
export const longAgo = "timestamptz '2020-01-01' + i * interval '1 second'"

// Ids that grow with the number, as ids of version 7 grow with time.
const functions = `
create schema bench;
create function bench.id(space integer, i bigint) returns uuid language sql immutable as $f$
  select (lpad(to_hex(space), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid
$f$;
create function bench.tag(key text, value text) returns integer language sql stable as $f$
  select id from public.tag where tag.key = $1 and tag.value = $2
$f$;`

const tags = `
insert into tag (key, value, digest)
select key, value, sha256(convert_to(key, 'UTF8') || '\\x00'::bytea || convert_to(value, 'UTF8'))
  from (
    values ${asked.map(([key, value]) => `('${key}', '${value}')`).join(', ')}
    ${Object.entries({ ...divisors, dataset: datasets })
      .map(([key, n]) => `union all select '${key}', generate_series(0, ${n - 1})::text`)
      .join(' ')}
     union all
    select 'bystander', generate_series(1, ${bystanders})::text
  ) as made (key, value);
analyze tag;`

const plans = `
insert into plan (image, image_tag, hash)
select image, '1', sha256(convert_to(image, 'UTF8'))
  from (
    select unnest(array['${plansBySize.join("', '")}']) as image
     union all
    select 'bench.test/bystander-' || generate_series(1, ${bystanders})
  ) as made;
insert into input (plan_id, position, path, tags, rarest_tag)
select plan.id, position, '/in/' || position, array[tag], tag
  from unnest(array['${plansBySize.join("', '")}']) with ordinality as wish (image, inputs)
  join plan using (image)
 cross join lateral (
   values ${asked.map(([key, value], i) => `(${i}, bench.tag('${key}', '${value}'))`).join(', ')}
 ) as given (position, tag)
 where position < inputs
 order by inputs, position;
insert into input (plan_id, position, path, tags, rarest_tag)
select plan.id, position, '/in/' || position, array[least(other, own), greatest(other, own)], own
  from plan
 cross join (
   values (0, bench.tag('kind', 'sample')), (1, bench.tag('kind', 'model'))
 ) as asked (position, other)
 cross join lateral bench.tag('bystander', split_part(image, 'bystander-', 2)) as own
 where image like '%bystander-%';`

const data = (size: number): string => `
insert into run (id, plan_id, status, updated_at)
select bench.id(1, i), plan.id, 'done', ${longAgo}
  from generate_series(1, ${size + 2}) as i, plan
 where plan.name = 'knit#uploaded';
-- The last two are the model and the configuration that the others are combined with.
with known as materialized (
  select bench.tag('kind', 'sample') as sample,
         array[bench.tag('kind', 'model'), bench.tag('kind', 'config')] as others,
         ${Object.keys({ ...divisors, dataset: datasets })
           .map((key) => `bench.tag('${key}', '0') as first_${key}`)
           .join(', ')}
)
insert into data (id, plan_id, run_id, output_id, tags, ready, ended_at, bytes, files, digest)
select bench.id(2, i), plan.id, bench.id(1, i), output.id,
       array(
         select tag
           from unnest(case
                  when i > ${size} then array[others[i - ${size}]]
                  else array[
                    sample,
                    ${Object.entries({ ...divisors, dataset: datasets })
                      .map(([key, n]) => `first_${key} + i % ${n}`)
                      .join(', ')}
                  ]
                end) as tag
          order by tag
       ),
       true, ${longAgo}, 1, 1, 'sha256:bench'
  from generate_series(1, ${size + 2}) as i
 cross join known
 cross join plan
  join output on output.plan_id = plan.id
 where plan.name = 'knit#uploaded';
analyze data;`

// What matching and projection would have left: every data nominated where it fits, every combination made.
const history = `
insert into nomination (input_id, knit_id, plan_id, due)
select input.id, data.id, input.plan_id, false
  from data, unnest(data.tags) as tag
  join input on input.rarest_tag = tag
 where input.tags <@ data.tags;
create temporary table made as
select row_number() over () as i, fitting.*
  from (
    select zero.plan_id, array[zero.input_id, one.input_id, two.input_id] as input_ids,
           array[zero.knit_id, one.knit_id, two.knit_id] as knit_ids
      from (
        select nomination.* from nomination join input on input.id = input_id where position = 0
      ) as zero
      left join (
        select nomination.* from nomination join input on input.id = input_id where position = 1
      ) as one on one.plan_id = zero.plan_id
      left join (
        select nomination.* from nomination join input on input.id = input_id where position = 2
      ) as two on two.plan_id = zero.plan_id
  ) as fitting;
insert into run (id, plan_id, status, updated_at, combination)
select bench.id(3, i), plan_id, 'done', ${longAgo},
       sha256(
         int4send(input_ids[1]) || uuid_send(knit_ids[1])
         || coalesce(int4send(input_ids[2]) || uuid_send(knit_ids[2]), '')
         || coalesce(int4send(input_ids[3]) || uuid_send(knit_ids[3]), '')
       )
  from made;
insert into assign (run_id, plan_id, input_id, knit_id)
select bench.id(3, i), plan_id, input_id, knit_id
  from made, unnest(input_ids, knit_ids) as pair (input_id, knit_id)
 where input_id is not null;`
