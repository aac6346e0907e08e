import { findDataIds } from '#shared/database/data-view.ts'
import type { Sql } from '#shared/database/sql.ts'
import { findTagIds } from '#shared/database/tags.ts'
import type { Place } from '#shared/domain/place.ts'
import type { Tag } from '#shared/domain/tag.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  ratioOf,
  rounded,
  timed,
  type Benchmark,
  type Facts,
  type Finding,
  type Samples,
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

/** A search, and what it takes by each way. */
type Compared = {
  name: string
  hits: number
  samples: Samples<'ours' | 'division' | 'joins' | 'jsonb' | 'key' | 'rows' | 'gin'>
}

async function compareOne(sql: Sql, name: string, tags: readonly Tag[]): Promise<Compared> {
  const { hits, page } = await agree(sql, tags)
  const ids = await findTagIds(sql, tags)
  const samples = await alternate(rounds, {
    ours: several(10, () => findDataIds(sql, tags, {}, { limit })),
    division: several(1, () => byDivision(sql, tags)),
    joins: several(1, () => byJoins(sql, tags)),
    jsonb: several(1, () => byJson(sql, tags)),
    key: several(10, () => sql`select tags from data where id = bench.id(2, ${wanted})`),
    // The limits: what was found, if it were known; as many as a page, in no order, by ids of tags that are known.
    rows: several(10, () => sql`select id, ended_at from data where id = any (${page}::uuid[])`),
    gin: several(10, () => sql`select id from data where tags @> ${ids}::integer[] limit ${limit}`),
  })
  return { name, hits, samples }
}

async function compare(sql: Sql, settings: Record<string, string>): Promise<Finding[]> {
  const all: Compared[] = []
  for (const { name, tags } of searches()) all.push(await compareOne(sql, name, tags))
  const facts: Facts = Object.fromEntries(
    all.map(({ name, hits, samples }) => [
      `tags: ${name}`,
      `hits ${hits}; ms: ${Object.entries(samples)
        .map(([who, ms]) => `${who} ${median(ms).toFixed(2)}`)
        .join(', ')}`,
    ]),
  )
  const few = all.filter(({ hits }) => hits <= limit)
  // Nobody finds anything in a twentieth of less than twenty lookups by key.
  const long = all.filter(({ samples }) => median(samples.division) > 20 * median(samples.key))
  return [
    finding(
      {
        id: 'B18',
        what: `find a page of ${limit} at ${size} Data / by relational division, the worst of ${all.length} searches: ${worst(all, 'division').name}`,
        unit: '×',
      },
      worst(all, 'division').ratio,
      atMost(1 / 20),
      {
        'in the middle of all searches': middle(all, 'division'),
        [`where division takes longer than 20 lookups by key (${long.length} searches)`]:
          shownWorst(long, 'division'),
        'rows of the page by their keys / division, in the worst': limitOf(all, 'division', 'rows'),
        'GIN alone / division, in the worst': limitOf(all, 'division', 'gin'),
        Data: size,
        ...facts,
        ...settings,
      },
    ),
    finding(
      {
        id: 'B18.key',
        what: `find with at most ${limit} hits / primary-key lookup, the worst of ${few.length} searches: ${worst(few, 'key').name}`,
        unit: '×',
      },
      worst(few, 'key').ratio,
      atMost(5),
      {
        'in the middle of these searches': middle(few, 'key'),
        'rows of the page by their keys / primary-key lookup, in the worst': limitOf(
          few,
          'key',
          'rows',
        ),
        'GIN alone / primary-key lookup, in the worst': limitOf(few, 'key', 'gin'),
      },
    ),
  ]
}

type Way = keyof Compared['samples']

const ratiosOf = (all: readonly Compared[], by: Way) =>
  all
    .map(({ name, samples }) => ({ name, samples, ratio: ratioOf(samples.ours, samples[by]) }))
    .toSorted((a, b) => b.ratio.ratio - a.ratio.ratio)

function worst(all: readonly Compared[], by: Way) {
  const [found] = ratiosOf(all, by)
  if (!found) throw new Error('there is no such search')
  return found
}

const middle = (all: readonly Compared[], by: Way): number =>
  median(ratiosOf(all, by).map(({ ratio }) => ratio.ratio))

const shownWorst = (all: readonly Compared[], by: Way): string => {
  const { name, ratio } = worst(all, by)
  return `${rounded(ratio.ratio)} at worst (${name})`
}

/** What stands in the way of the worst search. */
function limitOf(all: readonly Compared[], by: Way, limit: 'rows' | 'gin'): number {
  const { samples } = worst(all, by)
  return ratioOf(samples[limit], samples[by]).ratio
}

/** Milliseconds of one, on average. */
const several = (times: number, ask: () => Promise<unknown>) => async () =>
  (await timed(async () => {
    for (let i = 0; i < times; i += 1) await ask()
  })) / times

/** Everybody finds the same page; how many data there are to be found. */
async function agree(sql: Sql, tags: readonly Tag[]): Promise<{ hits: number; page: string[] }> {
  const right = await byDivision(sql, tags)
  const others = [
    await findDataIds(sql, tags, {}, { limit }),
    await byJoins(sql, tags),
    await byJson(sql, tags),
  ]
  for (const found of others)
    if (found.join() !== right.join()) throw new Error('two ways of finding disagree')
  const hits = right.length < limit ? right.length : (await findDataIds(sql, tags)).length
  return { hits, page: right }
}

async function addPeers(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema peer;
    create table peer.tag as select id as tag_id, key || ':' || value as text from tag;
    alter table peer.tag add primary key (text);
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
         where tag_id in (select tag_id from peer.tag where text = any (${texts(tags)}))
         group by knit_id
        having count(*) = ${tags.length}
      ) as found
      join data on data.id = knit_id
     order by data.ended_at desc, data.id desc
     limit ${limit}`,
  )

async function byJoins(sql: Sql, tags: readonly Tag[]): Promise<string[]> {
  const rows = await sql<Ids>`
    select tag_id::text as id from peer.tag where text = any (${texts(tags)})`
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
    let after: Place | undefined
    for (let page = 1; page <= last; page += 1) {
      let ids: string[] = []
      const ask = async () => (ids = await findDataIds(sql, tags, {}, { limit, after }))
      times.push(await timed(ask))
      for (const id of ids) seen.add(id)
      const [end] = await sql<Place[]>`
        select id, ended_at as at from data where id = ${ids.at(-1) ?? null}`
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
