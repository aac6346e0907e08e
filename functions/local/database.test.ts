import { dirname } from 'node:path'
import { expect, inject, onTestFinished, vi } from 'vitest'
import type { Sql } from '#shared/database/sql.ts'
import { createLog } from '#shared/runtime/log.ts'
import { until } from '#tests/support/until.ts'
import { test as base } from '#tests/support/world.ts'
import { openExternal } from './database.ts'
import type { Ownership } from './ownership.ts'

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
const log = createLog({ format: 'text', level: 'error', write: () => {} })

/** Opens a database for a home, until the test has ended. */
async function open(url: string, id: string, more: Partial<Ownership> = {}) {
  const own = { id, place: `/home/${id} on here` }
  const given = { own, adopts: false, log, onTaken: () => {}, ...more }
  const database = await openExternal(url, settings, given)
  onTestFinished(() => database.close())
  return database
}
const newest = '9001-more.sql'

test('a database that a later release has migrated is used as long as that serves this one', async ({
  ctx,
  url,
}) => {
  await ctx.sql`insert into migration (name) values (${newest})`
  const { sql, close } = await open(url, 'a')
  expect(await sql`select name from migration where name = ${newest}`).toHaveLength(1)
  await close()
  await ctx.sql`delete from migration where name = ${newest}`
})

test('a database of a later release that does not know this one is refused, with what to do', async ({
  ctx,
  url,
}) => {
  await ctx.sql`insert into migration (name, serves_from) values (${newest}, ${newest})`
  await expect(open(url, 'a')).rejects.toThrow(
    /^The database of --database cannot be used: it has the schema 9001-more\.sql of a later release .*\.\nStart it with that release, or /,
  )
  await ctx.sql`delete from migration where name = ${newest}`
})

/** Forgets who has had the database before. */
const forget = ({ sql }: { sql: Sql }) => sql`delete from home`

test('while a home has a database, no other one gets it, nor the same one twice, and all are told whose it is', async ({
  ctx,
  url,
}) => {
  await forget(ctx)
  const { close } = await open(url, 'a')
  for (const id of ['a', 'b'])
    for (const adopts of [false, true])
      await expect(open(url, id, { adopts })).rejects.toThrow(
        /^The database of --database is in use by the local home \/home\/a on here\.\nStop that one first: knit local stop/,
      )
  await close()
  await open(url, 'a')
})

test('a database is that of the home with its files, wherever that moves, until another one adopts it', async ({
  ctx,
  url,
}) => {
  await forget(ctx)
  const { close } = await open(url, 'a')
  await close()
  const moved = { own: { id: 'a', place: '/moved on there' } }
  await (await open(url, 'a', moved)).close()
  const ofAnother =
    /^The database of --database belongs to the local home \/moved on there, .*\nStart that one, .* --adopt$/
  await expect(open(url, 'b')).rejects.toThrow(ofAnother)
  await (await open(url, 'b', { adopts: true })).close()
  await expect(open(url, 'a')).rejects.toThrow('/home/b on here')
})

const lockers = ({ sql }: { sql: Sql }) => sql<{ pid: number }[]>`
  select pid
    from pg_locks
    join pg_database on pg_database.oid = database and datname = current_database()
   where locktype = 'advisory' and granted`

test('a home whose line broke has its database again at once, unless another one has adopted it', async ({
  ctx,
  url,
}) => {
  await forget(ctx)
  let isTaken = false
  await open(url, 'a', { onTaken: () => (isTaken = true) })
  const breakLine = async () => {
    const { pid } = await until(async () => (await lockers(ctx))[0])
    await ctx.sql`select pg_terminate_backend(${pid})`
    await until(async () => (await lockers(ctx)).some((one) => one.pid !== pid))
  }
  await breakLine()
  await expect(open(url, 'b', { adopts: true })).rejects.toThrow('is in use')
  expect(isTaken).toBe(false)
  await ctx.sql`update home set id = 'b'`
  await breakLine()
  await until(() => isTaken)
})
