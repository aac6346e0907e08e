import { hash } from 'node:crypto'
import type { Sql } from '#shared/database/sql.ts'
import type { QuietWorld } from './quiet-world.ts'

/**
 * How everything stands: every row, volume, worker and event. Worlds of which it is the same have the same future, whatever was drawn
 * at random in them, or done a little sooner: ids are numbers in the order in which they come, and times are told in hours from now,
 * since who goes on from there lets an hour pass first.
 */
export async function standingOf(world: QuietWorld): Promise<string> {
  const now = Date.now()
  const timeless = (await linesOf(world)).map((line) =>
    line.replace(times, (time) => `${Math.round((Date.parse(time) - now) / hour)} h`),
  )
  const sorted = timeless.toSorted((one, other) => (nameless(one) < nameless(other) ? -1 : 1))
  const numbers = new Map<string, number>()
  const numbered = (id: string): string => {
    if (!numbers.has(id)) numbers.set(id, numbers.size)
    return `#${numbers.get(id)}`
  }
  return hash('sha256', sorted.map((line) => line.replace(ids, numbered)).join('\n'))
}

/** Also digests, claims and traces. */
const ids = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}/g
const nameless = (line: string): string => line.replace(ids, '#')
const times = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)/g
const hour = 3_600_000

async function linesOf({ sql, cluster, events }: QuietWorld): Promise<string[]> {
  const { volumes, workers, stuck, pending, failing, room } = cluster
  const things = { volumes, workers, stuck, pending, failing, room, events }
  const told = Object.entries(things).flatMap(([what, all]) =>
    [...all].map((one) => `${what} ${JSON.stringify(one)}`),
  )
  return [...(await rowsOf(sql)), ...told]
}

const statements = new WeakMap<Sql, Promise<string>>()

async function rowsOf(sql: Sql): Promise<string[]> {
  const statement = statements.get(sql) ?? readAll(sql)
  statements.set(sql, statement)
  const rows = await sql.unsafe<{ line: string }[]>(await statement, [], { prepare: true })
  return rows.map(({ line }) => line)
}

/** What reads every row, but for the numbers that are counted by whoever has failed as well. */
async function readAll(sql: Sql): Promise<string> {
  const tables = await sql<{ name: string; counted: string[] }[]>`
    select table_name as name,
           coalesce(array_agg(column_name::text) filter (where is_identity = 'YES' and data_type = 'bigint'), '{}') as counted
      from information_schema.columns
     where table_schema = 'public' and table_name <> 'migration'
     group by table_name`
  const each = tables.map(
    ({ name, counted }) =>
      `select '${name} ' || (to_jsonb(t) - '{${counted.join()}}'::text[])::text as line from ${name} as t`,
  )
  return each.join(' union all ')
}
