import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { data } from '#shared/contracts/data.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { databaseOf, serverOf } from '#tests/support/home-database.ts'
import { pullText, pushText } from '#tests/support/home-work.ts'
import { until } from '#tests/support/until.ts'
import { untilAtRest } from './at-rest.ts'
import { test, type TestHome } from './test-home.ts'

/** A change of tags, as any client sends it. */
const putTag = ({ apiRoot }: TestHome, knitId: string, tag: string): Promise<Response> =>
  fetch(`${apiRoot}/data/${knitId}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ add: [tag] }),
  })

/** What everybody is told who may ask again soon. */
function expectLater(response: Response): void {
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('1')
}

const tagsOf = async ({ api }: TestHome, knitId: string): Promise<string[]> => {
  const [found] = await api.call(data.find, { tag: [`knit#id:${knitId}`] })
  return (found?.tags ?? []).filter((tag) => !tag.startsWith('knit#'))
}

/** Makes changes of data wait, until the database ends or is told otherwise. */
async function holdChanges(sql: Sql): Promise<void> {
  await sql`
    create or replace function hold() returns trigger language plpgsql as $$
      begin perform pg_sleep(600); return null; end
    $$`
  await sql`create trigger hold before update on data for each statement execute function hold()`
}

/** A connection of our own, once the server that has ended is followed by another one. */
async function untilBack({ folder }: TestHome, before: Sql): Promise<Sql> {
  await before.end({ timeout: 1 })
  return until(async () => {
    try {
      const sql = databaseOf(folder)
      if (await sql`select 1`.catch(() => undefined)) return sql
      await sql.end({ timeout: 1 })
    } catch {
      // There is no server at all.
    }
    return undefined
  })
}

const someoneWaits = (sql: Sql) =>
  until(async () => {
    const waiting = await sql`select from pg_stat_activity where wait_event = 'PgSleep'`
    return waiting.length > 0
  })

test('a database that ends is started again by the home: who waits for it may ask again, nothing else is lost', async ({
  folder,
  start,
}) => {
  // Where the path is too long for a socket, it is elsewhere.
  const home = await start({ below: join(folder, 'deep'.repeat(30)) })
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  const tags = ['type:raw']
  for (const signal of ['SIGQUIT', 'SIGKILL', 'SIGINT'] as const) {
    const before = databaseOf(home.folder)
    await holdChanges(before)
    const interrupted = putTag(home, knitId, 'lost:1')
    await someoneWaits(before)
    process.kill(serverOf(home.folder).pid, signal)
    expectLater(await interrupted)

    const after = await untilBack(home, before)
    await after`drop trigger hold on data`
    await after.end({ timeout: 1 })
    tags.push(`after:${signal}`)
    // The very first who asks is answered: no line that broke is in the way.
    expect((await putTag(home, knitId, `after:${signal}`)).status).toBe(200)
    expect(await tagsOf(home, knitId)).toEqual(tags.toSorted())
  }
  expect(await pullText(home.api, folder, knitId)).toBe('kept')
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})

test('a database that cannot be started is tried again until somebody has mended it', async ({
  folder,
  start,
}) => {
  const home = await start()
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  const control = join(home.folder, 'postgres/data/global/pg_control')
  renameSync(control, `${control}.away`)
  process.kill(serverOf(home.folder).pid, 'SIGKILL')
  await until(() => home.output().includes('cannot be started, which is tried again'))
  expectLater(await putTag(home, knitId, 'lost:1'))

  renameSync(`${control}.away`, control)
  await until(async () => (await putTag(home, knitId, 'after:all')).ok)
  expect(await tagsOf(home, knitId)).toEqual(['after:all', 'type:raw'])
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})

test('a database without a free connection is asked again later, and nothing is half done', async ({
  folder,
  start,
}) => {
  const home = await start({ env: { KNIT_SWEEP_INTERVAL: '600' } })
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  const sql = databaseOf(home.folder)
  const others = connect('postgres://knit@embedded-postgres.invalid/postgres', {
    path: serverOf(home.folder).socket,
    max: 200,
  })
  const all: Promise<unknown>[] = []
  /** Takes connections until one is refused. */
  const takeAll = async () => {
    const taken = Array.from({ length: 100 }, () =>
      others`select pg_sleep(600)`.catch(() => 'no more'),
    )
    all.push(...taken)
    await Promise.race(taken)
  }
  await sql`select 1`
  // What the home has to give up is taken as well; it takes some back as long as there are any.
  const ofHome = sql`application_name = 'knitfab' and query !~ 'pg_sleep' and pid <> pg_backend_pid()`
  await until(async () => {
    await takeAll()
    const left = await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${ofHome}`
    return left.length === 0
  })
  expectLater(await putTag(home, knitId, 'lost:1'))
  await expect(pushText(home.api, folder, 'lost', 'type:lost')).rejects.toMatchObject({
    status: 503,
  })

  await sql`select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'`
  await until(async () => (await putTag(home, knitId, 'after:all')).ok)
  expect(await tagsOf(home, knitId)).toEqual(['after:all', 'type:raw'])
  expect(await home.api.call(data.find, { tag: ['type:lost'] })).toEqual([])
  await Promise.all([sql.end({ timeout: 1 }), others.end({ timeout: 1 }), ...all])
  expect(await home.stop()).toBe(0)
  // This one sweeps.
  const next = await start()
  await untilAtRest(next)
  expect(await next.stop()).toBe(0)
})

test('a database that may only be read answers readers, and writers later', async ({
  folder,
  start,
}) => {
  const home = await start()
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  const sql = databaseOf(home.folder)
  const readOnly = async (value: 'on' | 'off') => {
    await sql.unsafe(`alter system set default_transaction_read_only = ${value}`)
    await sql`select pg_reload_conf()`
  }
  await readOnly('on')
  await until(async () => (await putTag(home, knitId, 'type:raw')).status === 503)
  expectLater(await putTag(home, knitId, 'lost:1'))
  await expect(pushText(home.api, folder, 'lost', 'type:lost')).rejects.toMatchObject({
    status: 503,
    retryAfter: 1,
  })
  expect(await tagsOf(home, knitId)).toEqual(['type:raw'])

  await sql`set default_transaction_read_only = off`
  await readOnly('off')
  await until(async () => (await putTag(home, knitId, 'after:all')).ok)
  expect(await tagsOf(home, knitId)).toEqual(['after:all', 'type:raw'])
  expect(await home.api.call(data.find, { tag: ['type:lost'] })).toEqual([])
  await untilAtRest(home)
  await sql.end({ timeout: 1 })
  expect(await home.stop()).toBe(0)
})
