import { createHash } from 'node:crypto'
import type { Tag } from '#shared/domain/tag.ts'
import type { Fragment, Queryable } from './sql.ts'

/**
 * The ids of tags, in no order, made where they are new. They are looked for in a later statement, so that two who use a new tag
 * at the same time both find it.
 */
export async function internTags(sql: Queryable, tags: readonly Tag[]): Promise<number[]> {
  if (tags.length === 0) return []
  const known = await findTagIds(sql, tags)
  const distinct = new Set(tags.map(({ key, value }) => JSON.stringify([key, value]))).size
  if (known.length === distinct) return known
  await sql`
    insert into tag (key, value, digest)
    select distinct on (hex) key, value, decode(hex, 'hex')
      from unnest(
             ${tags.map(({ key }) => key)}::text[],
             ${tags.map(({ value }) => value)}::text[],
             ${tags.map(digestOf)}::text[]
           ) as given (key, value, hex)
     where not exists (select from tag where digest = decode(hex, 'hex'))
     order by hex
        on conflict do nothing`
  return findTagIds(sql, tags)
}

/** The ids of those of the tags that exist. */
export async function findTagIds(sql: Queryable, tags: readonly Tag[]): Promise<number[]> {
  if (tags.length === 0) return []
  const rows = await sql<{ id: number }[]>`
    select id
      from tag
     where digest = any (array(select decode(hex, 'hex') from unnest(${tags.map(digestOf)}::text[]) as hex))`
  return rows.map(({ id }) => id)
}

/** The ids of tags that must all be carried, as an array; null when one of them exists nowhere, so that nothing can carry it. */
export function allTagIds(sql: Queryable, tags: readonly Tag[]): Fragment {
  const digests = [...new Set(tags.map(digestOf))]
  return sql`(
    select case when count(*) = ${digests.length} then coalesce(array_agg(id), '{}') end
      from tag
     where digest = any (array(select decode(hex, 'hex') from unnest(${digests}::text[]) as hex))
  )`
}

/** What a tag is known by, in hexadecimal digits. */
export const digestOf = ({ key, value }: Tag): string =>
  createHash('sha256').update(`${key}\0${value}`).digest('hex')

/** Tags by id, for rows that carry ids. */
export async function tagsById(sql: Queryable, ids: Iterable<number>): Promise<Map<number, Tag>> {
  const distinct = [...new Set(ids)]
  if (distinct.length === 0) return new Map()
  const rows = await sql<(Tag & { id: number })[]>`
    select id, key, value from tag where id = any (${distinct}::integer[])`
  return new Map(rows.map(({ id, key, value }) => [id, { key, value }]))
}

export const pickTags = (byId: ReadonlyMap<number, Tag>, ids: readonly number[]): Tag[] =>
  ids.flatMap((id) => byId.get(id) ?? [])

/** How many data there are, and which share of them carries a tag, by its digest: counted for common tags, a bound for all others. */
export type TagStatistics = { data: number; shares: ReadonlyMap<string, number>; bound: number }

const statistics = new WeakMap<Queryable, { at: number; read: Promise<TagStatistics> }>()
const minute = 60_000

/** What the server last counted, asked for once a minute. All zero where nothing has been counted yet. */
export async function tagStatistics(sql: Queryable): Promise<TagStatistics> {
  const known = statistics.get(sql)
  if (known && performance.now() - known.at < minute) return known.read
  const read = readStatistics(sql)
  statistics.set(sql, { at: performance.now(), read })
  read.catch(() => statistics.delete(sql))
  return read
}

async function readStatistics(sql: Queryable): Promise<TagStatistics> {
  const [row] = await sql<
    { data: number; bound: number | null; tags: [string, number][] | null }[]
  >`
    select greatest(reltuples, 0) as data,
           -- Behind the shares of the tags stands, first, the least of them.
           most_common_elem_freqs[cardinality(most_common_elems::text::integer[]) + 1] as bound,
           (
             select jsonb_agg(jsonb_build_array(encode(digest, 'hex'), share))
               from unnest(most_common_elems::text::integer[], most_common_elem_freqs::float8[]) as common (id, share)
               join tag using (id)
           ) as tags
      from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
      left join pg_stats on schemaname = nspname and tablename = relname and attname = 'tags'
     where pg_class.oid = 'data'::regclass`
  return { data: row?.data ?? 0, shares: new Map(row?.tags ?? []), bound: row?.bound ?? 0 }
}

// To look at one data takes as long as to pass by so many in the list of a tag: of a million, 60 when the server has them in its
// memory, 300 when it fetches them.
const listedPerLook = 300

/**
 * The rarest of the tags, as many as the index should intersect: each costs the length of its list, and spares looks at data
 * that do not carry it. The others are read off the data. All, where nothing is known of any.
 */
export function worthSearching(tags: readonly Tag[], shareOf: (tag: Tag) => number): Tag[] {
  const rarestFirst = tags.toSorted((a, b) => shareOf(a) - shareOf(b))
  let [listed, found, count, least] = [0, 1, 0, Infinity]
  for (const [index, tag] of rarestFirst.entries()) {
    listed += shareOf(tag)
    found *= shareOf(tag)
    const cost = listed + found * listedPerLook
    if (cost <= least) [count, least] = [index + 1, cost]
  }
  return rarestFirst.slice(0, count)
}
