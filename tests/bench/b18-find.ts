import { findDataIds } from '#shared/database/data-view.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { Tag } from '#shared/domain/tag.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  ratioOf,
  timed,
  type Benchmark,
  type Facts,
  type Finding,
} from './harness.ts'
import { populated, sizes, tagsOf } from './population.ts'

const rounds = 5
const limit = 100
const size = sizes[2]
// Any number of a data that is not near an end of the list.
const wanted = Math.floor(size / 2) + 1

export default {
  id: 'B18',
  what: 'find by one to eight tags, a page of 100, newest first',
  async run(bench) {
    const { open, settings } = await populated(bench)
    const sql = open(size)
    await addPeers(sql)
    bench.say('the peers have their tables')
    return [...(await compare(sql, settings)), await pages(sql)]
  },
} satisfies Benchmark

/** From one tag to eight: beginning with the rarest one, and beginning with those that most data carry. */
function searches(): { name: string; tags: Tag[] }[] {
  const tags = tagsOf(wanted)
  const rarestFirst = tags.toReversed()
  return [
    ...tags.map((_, n) => ({ name: `${n + 1}, rare`, tags: rarestFirst.slice(0, n + 1) })),
    ...tags.map((_, n) => ({ name: `${n + 1}, common`, tags: tags.slice(0, n + 1) })),
  ]
}

async function compare(sql: Sql, settings: Record<string, string>): Promise<Finding[]> {
  const facts: Facts = { Data: size }
  const ours: number[] = []
  const division: number[] = []
  const rare = { ours: [] as number[], key: [] as number[] }
  for (const { name, tags } of searches()) {
    const hits = await agree(sql, tags)
    const samples = await alternate(rounds, {
      ours: several(10, () => findDataIds(sql, tags, {}, { limit })),
      division: several(1, () => byDivision(sql, tags)),
      joins: several(1, () => byJoins(sql, tags)),
      jsonb: several(1, () => byJson(sql, tags)),
      key: several(10, () => sql`select tags from data where id = bench.id(2, ${wanted})`),
    })
    ours.push(...samples.ours)
    division.push(...samples.division)
    if (hits <= limit) {
      rare.ours.push(...samples.ours)
      rare.key.push(...samples.key)
    }
    const times = Object.entries(samples).map(([who, ms]) => `${who} ${median(ms).toFixed(2)}`)
    facts[`tags: ${name}`] = `hits ${hits}; ms: ${times.join(', ')}`
  }
  return [
    finding(
      {
        id: 'B18',
        what: `find a page of ${limit} by 1–8 tags at ${size} Data / by relational division`,
        unit: '×',
      },
      ratioOf(ours, division),
      atMost(1 / 20),
      { ...facts, ...settings },
    ),
    finding(
      { id: 'B18.key', what: 'find with at most 100 hits / primary-key lookup', unit: '×' },
      ratioOf(rare.ours, rare.key),
      atMost(5),
      { 'primary-key lookup, ms': median(rare.key), 'find, ms': median(rare.ours) },
    ),
  ]
}

/** Milliseconds of one, on average. */
const several = (times: number, ask: () => Promise<unknown>) => async () =>
  (await timed(async () => {
    for (let i = 0; i < times; i += 1) await ask()
  })) / times

/** Everybody finds the same page; how many data there are to be found. */
async function agree(sql: Sql, tags: readonly Tag[]): Promise<number> {
  const right = await byDivision(sql, tags)
  const others = [
    await findDataIds(sql, tags, {}, { limit }),
    await byJoins(sql, tags),
    await byJson(sql, tags),
  ]
  for (const found of others)
    if (found.join() !== right.join()) throw new Error('two ways of finding disagree')
  return right.length < limit ? right.length : (await findDataIds(sql, tags)).length
}

async function addPeers(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema peer;
    set maintenance_work_mem = '512MB';
    create table peer.tag_data as select tag as tag_id, id as knit_id from data, unnest(tags) as tag;
    alter table peer.tag_data add primary key (tag_id, knit_id);
    create index on peer.tag_data (knit_id) include (tag_id);
    create table peer.json as
    select data.id, data.ended_at, jsonb_agg(key || ':' || value order by key) as tags
      from data, unnest(data.tags) as tag_id join tag on tag.id = tag_id
     group by data.id;
    create index on peer.json using gin (tags jsonb_path_ops);
    create index on peer.json (ended_at, id);
    reset maintenance_work_mem;`)
  await sql.unsafe('vacuum (analyze)')
}

type Ids = { id: string }[]
const idsOf = (rows: Ids): string[] => rows.map(({ id }) => id)
const texts = (tags: readonly Tag[]) => tags.map(({ key, value }) => `${key}:${value}`)

const byDivision = async (sql: Sql, tags: readonly Tag[]): Promise<string[]> =>
  idsOf(
    await sql<Ids>`
    select data.id
      from (
        select knit_id
          from peer.tag_data
         where tag_id in (select id from tag where key || ':' || value = any (${texts(tags)}))
         group by knit_id
        having count(*) = ${tags.length}
      ) as found
      join data on data.id = knit_id
     order by data.ended_at desc, data.id desc
     limit ${limit}`,
  )

async function byJoins(sql: Sql, tags: readonly Tag[]): Promise<string[]> {
  const rows = await sql<Ids>`
    select id::text from tag where key || ':' || value = any (${texts(tags)})`
  const joins = rows.map(
    ({ id }, n) => sql`join peer.tag_data as ${sql(`tag${n}`)}
      on ${sql(`tag${n}`)}.knit_id = data.id and ${sql(`tag${n}`)}.tag_id = ${id}::integer`,
  )
  return idsOf(
    await sql<Ids>`
    select data.id from data ${joins} order by data.ended_at desc, data.id desc limit ${limit}`,
  )
}

const byJson = async (sql: Sql, tags: readonly Tag[]): Promise<string[]> =>
  idsOf(
    await sql<Ids>`
    select id
      from peer.json
     where tags @> ${sql.json(texts(tags))}
     order by ended_at desc, id desc
     limit ${limit}`,
  )

/** Turns the pages of what half of all data carry, to page 1,000. */
async function pages(sql: Sql): Promise<Finding> {
  const tags = [
    { key: 'kind', value: 'sample' },
    { key: 'format', value: '1' },
  ]
  const last = Math.min(1000, Math.floor(size / limit / 2))
  const samples: Record<'first' | 'last', number[]> = { first: [], last: [] }
  for (let round = 0; round < rounds; round += 1) {
    const seen = new Set<string>()
    const times: number[] = []
    let after: { endedAt: Date | null; id: string } | undefined
    for (let page = 1; page <= last; page += 1) {
      let ids: string[] = []
      const ask = async () => (ids = await findDataIds(sql, tags, {}, { limit, after }))
      times.push(await timed(ask))
      for (const id of ids) seen.add(id)
      const [end] = await sql<{ endedAt: Date; id: string }[]>`
        select id, ended_at as "endedAt" from data where id = ${ids.at(-1) ?? null}`
      after = end
    }
    if (seen.size !== last * limit) throw new Error(`${seen.size} data on ${last} pages`)
    samples.first.push(median(times.slice(0, 20)))
    samples.last.push(median(times.slice(-20)))
  }
  return finding(
    { id: 'B18.pages', what: `keyset paging: page ${last} / page 1`, unit: '×' },
    ratioOf(samples.last, samples.first),
    atMost(1.5),
    {
      'page 1, ms': median(samples.first),
      [`page ${last}, ms`]: median(samples.last),
    },
  )
}
