import { dirname } from 'node:path'
import { expect, inject, vi } from 'vitest'
import { test as base } from '#tests/support/world.ts'
import { openExternal } from './database.ts'

/** The database of the test, as somebody names it who has brought it. */
const test = base.extend<{ url: string }>({
  url: async ({ ctx }, use) => {
    vi.stubEnv('PGHOST', dirname(inject('postgres').path))
    vi.stubEnv('PGUSER', 'knit')
    const [row] = await ctx.sql<{ name: string }[]>`select current_database() as name`
    await use(`postgres:///${row?.name}`)
    vi.unstubAllEnvs()
  },
})

const settings = { statementTimeout: 30 }
const newest = '9001-more.sql'

test('a database that a later release has migrated is used as long as that serves this one', async ({
  ctx,
  url,
}) => {
  await ctx.sql`insert into migration (name) values (${newest})`
  const { sql, close } = await openExternal(url, settings)
  expect(await sql`select name from migration where name = ${newest}`).toHaveLength(1)
  await close()
  await ctx.sql`delete from migration where name = ${newest}`
})

test('a database of a later release that does not know this one is refused, with what to do', async ({
  ctx,
  url,
}) => {
  await ctx.sql`insert into migration (name, serves_from) values (${newest}, ${newest})`
  await expect(openExternal(url, settings)).rejects.toThrow(
    /^The database of --database cannot be used: it has the schema 9001-more\.sql of a later release .*\.\nStart it with that release, or /,
  )
  await ctx.sql`delete from migration where name = ${newest}`
})
