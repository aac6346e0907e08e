import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { inject, test as base, expect } from 'vitest'
import { until } from '#tests/support/until.ts'
import { loadOf } from './pool.ts'
import { begin, connect, reconnectDelay, type Sql } from './sql.ts'

type Lines = {
  /** A pool whose connections go through us. */
  sql: Sql
  /** Breaks every line, as a machine that vanishes does. */
  reset(): void
  /** Another way to the same server. */
  admin: Sql
}

const test = base.extend<{ lines: Lines }>({
  lines: async ({}, use) => {
    const { url, path } = inject('postgres')
    const ends = new Set<Socket>()
    const proxy = net.createServer((near) => {
      const far = net.connect(path)
      ends.add(near)
      near.pipe(far).pipe(near)
      near.on('error', () => far.destroy())
      far.on('error', () => near.destroy())
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    const sql = connect(`postgres://knit@127.0.0.1:${port}/postgres`, { max: 1 })
    const admin = connect(url, { path, max: 1 })
    const reset = () => ends.forEach((end) => end.resetAndDestroy())
    await use({ sql, reset, admin })
    await sql.end({ timeout: 1 })
    await admin.end({ timeout: 1 })
    reset()
    proxy.close()
  },
})

const sleepers = (admin: Sql) => admin<{ pid: number }[]>`
  select pid from pg_stat_activity where query ~ 'pg_sleep' and state = 'active' and pid <> pg_backend_pid()`

async function terminate(admin: Sql): Promise<void> {
  for (const { pid } of await sleepers(admin)) await admin`select pg_terminate_backend(${pid})`
}

/** What becomes of work that waits for the server when something happens to its line. */
async function interrupted(
  { admin }: Lines,
  work: () => Promise<unknown>,
  happens: () => unknown,
): Promise<unknown> {
  // A server does not notice that a line broke while it sleeps.
  await terminate(admin)
  await until(async () => (await sleepers(admin)).length === 0)
  const working = work().catch((error: { code: string }) => error.code)
  await until(async () => (await sleepers(admin)).length > 0)
  await happens()
  return working
}

test('statements are answered after their lines broke, again and again', async ({ lines }) => {
  const { sql, reset } = lines
  for (let round = 0; round < 4; round += 1) {
    const work = () => sql`select pg_sleep(60)`
    expect(await interrupted(lines, work, reset)).toBe('ECONNRESET')
    for (let statement = 0; statement < 4; statement += 1)
      expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  }
})

test('a statement is not answered with what an operator did to the one before', async ({
  lines,
}) => {
  const { sql, admin } = lines
  for (let round = 0; round < 3; round += 1) {
    const work = () => sql`select pg_sleep(60)`
    expect(await interrupted(lines, work, () => terminate(admin))).toMatch(
      /^(CONNECTION_CLOSED|ECONNRESET)$/,
    )
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
  }
})

test('a transaction whose line breaks fails, and nothing else does', async ({ lines }) => {
  const { sql, admin, reset } = lines
  const end = () => terminate(admin)
  for (const happens of [reset, end, reset, end]) {
    const work = () =>
      begin(sql, async (tx) => {
        await tx`select 1`
        await Promise.all([tx`select pg_sleep(60)`, tx`select 2`])
      })
    expect(await interrupted(lines, work, happens)).toMatch(/^(CONNECTION_CLOSED|ECONNRESET)$/)
    expect(await begin(sql, (tx) => tx`select 1 as one`)).toEqual([{ one: 1 }])
  }
})

test('a pool that has ended stays so', async ({ lines }) => {
  const { sql } = lines
  await sql`select 1`
  await sql.end()
  await expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
})

test('a server that is away is tried soon, then every 2 s, however long it is', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 10_000].map(reconnectDelay)).toEqual([
    0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2,
  ])
})

test('what waits for a connection is known, and how long it has', async ({
  lines: { sql, admin },
}) => {
  const load = loadOf(sql)
  if (!load) throw new Error('the pool has no load')
  const state = () => ({ used: load.used, waiting: load.waiting })
  const lock = 4711
  await admin
    .begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${lock})`
      const calls = [
        sql`select pg_advisory_xact_lock(${lock})`.execute(),
        sql`select 1`.execute(),
        begin(sql, async (held) => held`select 2`),
      ]
      await until(() => load.calls === 3)
      expect(state()).toEqual({ used: 1, waiting: 2 })
      const waited = load.waitedSeconds
      await until(() => load.waitedSeconds > waited)
      return { calls }
    })
    .then(({ calls }) => Promise.all(calls))
  expect(state()).toEqual({ used: 0, waiting: 0 })
  expect(load.waitedSeconds).toBe(load.waitedSeconds)
})

test('who wants to hear of a statement before it is sent hears how it ends', async ({
  lines: { sql },
}) => {
  const statement = sql`select 1 as one`
  const heard = new Promise((resolve) => Object.assign(statement, { resolve }))
  statement.execute()
  expect(await heard).toEqual([{ one: 1 }])
})

test('what fails, or is never sent, needs no connection any more', async ({ lines }) => {
  const { sql, reset } = lines
  const load = loadOf(sql)
  await expect(sql`select 1 / 0`).rejects.toThrow('division')
  await expect(begin(sql, async () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await interrupted(lines, () => sql`select pg_sleep(60)`, reset)
  expect(await sql`select ${sql`1`} as one`).toEqual([{ one: 1 }])
  expect(load).toMatchObject({ used: 0, waiting: 0 })
})
