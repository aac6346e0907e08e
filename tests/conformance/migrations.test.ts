import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { isMigration, migrations, servedBy } from '#shared/database/migrate.ts'
import { connect, undone, type Queryable, type Sql } from '#shared/database/sql.ts'
import { testServer } from '#tests/support/database.ts'
import { test as base } from '#tests/support/world.ts'

/** What functions find in a schema: what is there for them, and what it asks of whoever writes, with the names of all that it asks it of. */
type Schema = { offers: Set<string>; demands: Map<string, readonly string[]> }

const none: Schema = { offers: new Set(), demands: new Map() }

async function schemaOf(sql: Queryable): Promise<Schema> {
  const columns = await sql<
    { of: string; name: string; type: string; must: boolean; by: boolean }[]
  >`
    select relname as of, attname as name, format_type(atttypid, atttypmod) as type, attnotnull as must,
           atthasdef or attidentity <> '' as by
      from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped`
  const others = await sql<{ name: string }[]>`
    select oid::regprocedure::text as name from pg_proc where pronamespace = 'public'::regnamespace
     union all
    select typname from pg_type where typnamespace = 'public'::regnamespace and typtype = 'd'`
  const rules = await sql<{ of: string; columns: string[] | null; rule: string }[]>`
    select coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text) as of,
           (select array_agg(attname::text) from pg_attribute where attrelid = conrelid and attnum = any (conkey)) as columns,
           pg_get_constraintdef(oid) as rule
      from pg_constraint
     where connamespace = 'public'::regnamespace and contype <> 'n'
     union
    select indrelid::regclass::text,
           (select array_agg(attname::text) from pg_attribute where attrelid = indrelid and attnum = any (indkey)),
           pg_get_indexdef(indexrelid)
      from pg_index join pg_class on pg_class.oid = indrelid
     where relnamespace = 'public'::regnamespace and indisunique`
  const offers = columns.flatMap(({ of, name, type, must, by }) => [
    of,
    `${of}.${name}`,
    `${of}.${name} as ${type}`,
    ...(must ? [] : [`${of}.${name} as null`]),
    ...(must && !by ? [] : [`${of} without ${name}`]),
  ])
  const asked = columns.filter(({ must, by }) => must && !by)
  return {
    offers: new Set([...offers, ...others.map(({ name }) => name)]),
    demands: new Map<string, readonly string[]>([
      ...asked.map(({ of, name }) => [`${of}: ${name} has to be given`, [of]] as const),
      ...rules.map(
        ({ of, columns, rule }) =>
          [`${of}: ${rule}`, columns?.map((name) => `${of}.${name}`) ?? [of]] as const,
      ),
    ]),
  }
}

/**
 * What is no longer there, or is asked now of what was known before. A rule about new columns alone is kept by all that was there, and so
 * by whoever does not know them.
 */
const lessThan = (before: Schema, after: Schema): string[] => [
  ...[...before.offers].filter((offer) => !after.offers.has(offer)),
  ...[...after.demands].flatMap(([demand, names]) =>
    !before.demands.has(demand) && names.some((name) => before.offers.has(name)) ? [demand] : [],
  ),
]

const test = base.extend<{ bare: Sql }>({
  /** A database that nobody has migrated. */
  bare: async ({ ctx }, use) => {
    const { url, path } = testServer()
    const database = `test_${randomBytes(6).toString('hex')}`
    await ctx.sql.unsafe(`create database ${database}`)
    const sql = connect(url, { path, database, max: 1 })
    await use(sql)
    await sql.end({ timeout: 5 })
    await ctx.sql.unsafe(`drop database ${database}`)
  },
})

test('a migration that takes something from functions of the release before says whom it still serves', async ({
  bare,
}) => {
  const silent: [name: string, less: string[]][] = []
  let before = none
  for (const name of readdirSync(migrations).filter(isMigration).sort()) {
    const text = readFileSync(new URL(name, migrations), 'utf8')
    await bare.unsafe(text).simple()
    const after = await schemaOf(bare)
    const less = lessThan(before, after)
    if (less.length > 0 && !servedBy(text)) silent.push([name, less])
    before = after
  }
  expect(before.offers.size).toBeGreaterThan(100)
  expect(silent).toEqual([])
})

/** What a statement takes from who knew the schema of this release. */
const takenBy = (sql: Sql, statement: string): Promise<string[]> =>
  undone(sql, async (tx) => {
    const before = await schemaOf(tx)
    await tx.unsafe(statement).simple()
    return lessThan(before, await schemaOf(tx))
  })

test.for([
  ['drop table audit', 'audit'],
  ['alter table run drop column traceparent', 'run.traceparent as text'],
  ['alter table run rename column traceparent to trace', 'run without traceparent'],
  ['alter table token alter column created_by type varchar(9)', 'token.created_by as text'],
  ['alter table run alter column traceparent set not null', 'run.traceparent as null'],
  ['alter table token add column more text not null', 'token: more has to be given'],
  ["alter table token add check (role <> 'user')", "token: CHECK ((role <> 'user'::text))"],
  ['create unique index more on audit (trace)', expect.stringMatching(/^audit: CREATE UNIQUE/)],
  ["alter domain run_status add check (value <> 'done')", expect.stringMatching(/^run_status: /)],
  ['drop function stamp_tags cascade', 'stamp_tags()'],
] as const)('`%s` takes something away', async ([statement, what], { ctx }) => {
  expect(await takenBy(ctx.sql, statement)).toContainEqual(what)
})

test.for([
  'create table more (id uuid primary key, name text not null unique)',
  'alter table run add column more text',
  'alter table run add column more integer not null default 1',
  'alter table hook_delivery add column more bigint generated always as identity',
  'alter table token add column more text, add column most text, add check ((more is null) = (most is null))',
  'alter table token drop constraint token_role_check',
  'alter table token alter column created_by drop not null',
  'create index more on audit (trace)',
  'create function more() returns integer language sql as $$ select 1 $$',
])('`%s` takes nothing away', async (statement, { ctx }) => {
  expect(await takenBy(ctx.sql, statement)).toEqual([])
})
