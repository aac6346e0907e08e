import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, inject } from 'vitest'
import { admin } from '#shared/contracts/admin.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import type { Queryable, Sql } from '#shared/database/sql.ts'
import { cloneDatabase } from '#tests/support/database.ts'
import { fakeTime, noFakeTime, type FakeTime } from '#tests/support/fake-time.ts'
import { ended, pullText, pushText, shellPlan } from '#tests/support/home-work.ts'
import { until } from '#tests/support/until.ts'
import { test as base, type TestHome } from './test-home.ts'

type Fixtures = {
  /** A database whose clock is right. */
  sql: Sql
  /** Starts a home that uses it, and whose own clock is what a test says; undefined where no clock can be set. */
  startAt(to: string, env?: Record<string, string>): Promise<(TestHome & FakeTime) | undefined>
}

const test = base.extend<Fixtures>({
  sql: async ({}, use) => {
    const { sql, drop } = await cloneDatabase()
    await use(sql)
    await drop()
  },
  startAt: ({ folder, start, sql }, use) =>
    use(async (to, env = {}) => {
      const clock = fakeTime(folder, to)
      if (!clock) return undefined
      const server = { PGHOST: dirname(inject('postgres').path), PGUSER: 'knit' }
      const home = await start({
        args: ['--database', `postgres:///${sql.options.database}`],
        env: { ...server, ...clock.env, ...env },
      })
      return { ...home, ...clock }
    }),
})

const copy = 'cp /in/text /out/text'

const now = async (sql: Sql): Promise<number> => {
  const [row] = await sql<{ now: Date }[]>`select now()`
  return row?.now.getTime() ?? 0
}

/** What nobody but a test asks of a run: it is held by another, until so long from now. */
const holdFor = (sql: Queryable, knitId: string, time: string): Promise<unknown> => sql`
  update run
     set claim = gen_random_uuid(),
         claimed_by = 'another',
         claimed_until = now() + ${time}::interval
   where id = (select run_id from assign where knit_id = ${knitId})`

/** When a home began, by its own clock. */
const startOf = ({ folder }: TestHome): number =>
  Date.parse(JSON.parse(readFileSync(join(folder, 'local.json'), 'utf8')).startedAt)

async function checkTimes({ api }: TestHome, sql: Sql, since: number): Promise<void> {
  const all = await api.call(runs.find, {})
  const times = all.flatMap(({ updatedAt }) => Date.parse(updatedAt))
  for (const time of times) {
    expect(time).toBeGreaterThanOrEqual(Math.floor(since))
    expect(time).toBeLessThanOrEqual(await now(sql))
  }
  const backwards = await sql`
    select from attempt where ended_at < started_at
     union all
    select from run_history as later
      join run_history as earlier on earlier.run_id = later.run_id and earlier.id < later.id
     where later.at < earlier.at`
  expect(backwards).toHaveLength(0)
}

const untilAllHolds = ({ api }: TestHome) =>
  until(async () => {
    const checks = await api.call(admin.check, { patience: 0 })
    return checks.every(({ state }) => state === 'holds')
  })

test.for([
  ['an hour ahead', '+1h', {}],
  ['an hour behind', '-1h', {}],
  [
    'just where the hour between two and three comes twice',
    '@2025-10-26 02:59:57',
    { TZ: 'Europe/Berlin' },
  ],
  ['just where that hour is left out', '@2026-03-29 01:59:57', { TZ: 'Europe/Berlin' }],
] as const)(
  'a home whose clock is %s serves what is due by the clock of the database, in its order, and shows its times',
  async ([, to, env], { folder, sql, startAt, skip }) => {
    const since = await now(sql)
    const home = await startAt(to, env)
    if (!home) return skip(noFakeTime)
    expect(Math.abs(startOf(home) - Date.now())).toBeGreaterThan(30 * 60_000)
    const plan = await shellPlan(home.api, 'type:raw', copy, 'type:copy')
    await home.api.call(plans.deactivate, { planId: plan })
    const held = await pushText(home.api, folder, 'held', 'type:raw')
    await until(async () => (await sql`select from assign where knit_id = ${held}`).length === 1)
    await sql.begin(async (tx) => {
      await setPlanActive(tx, plan, true, { actor: 'test' })
      await holdFor(tx, held, '30 minutes')
    })

    const free = await pushText(home.api, folder, 'free', 'type:raw')
    const runOf = async (knitId: string) => {
      const all = await home.api.call(runs.find, { plan, knitIdInput: knitId })
      return all[0]
    }
    await until(async () => (await runOf(free))?.status === 'done')
    expect(await runOf(held)).toMatchObject({ status: 'waiting' })
    await holdFor(sql, held, '-1 second')
    await until(async () => (await runOf(held))?.status === 'done')

    const found = await home.api.call(data.find, { tag: ['type:raw'] })
    expect(found.map(({ knitId }) => knitId)).toEqual([held, free])
    const output = (await runOf(held))?.outputs[0]?.knitId ?? ''
    expect(await pullText(home.api, folder, output)).toBe('held')
    await untilAllHolds(home)
    await checkTimes(home, sql, since)
    expect(await home.stop()).toBe(0)
  },
)

test('a home whose clock is set back by ten minutes in the middle of its work does it all, once and in order', async ({
  folder,
  sql,
  startAt,
  skip,
}) => {
  const since = await now(sql)
  const home = await startAt('+0')
  if (!home) return skip(noFakeTime)
  const gate = join(folder, 'gate')
  const slow = `until [ -e ${gate} ]; do :; done; ${copy}`
  const first = await shellPlan(home.api, 'type:raw', slow, 'type:copy')
  const second = await shellPlan(home.api, 'type:copy', copy, 'type:twice')
  const before = await pushText(home.api, folder, 'before', 'type:raw')
  await until(async () => {
    const [run] = await home.api.call(runs.find, { plan: first })
    return run?.status === 'running'
  })

  home.set('-10m')
  writeFileSync(gate, '')
  const run = await until(() => ended(home.api, second))
  expect(run).toMatchObject({ status: 'done' })
  expect(await pullText(home.api, folder, run.outputs[0]?.knitId ?? '')).toBe('before')
  const after = await pushText(home.api, folder, 'after', 'type:raw')
  await until(async () => {
    const all = await home.api.call(runs.find, { plan: second })
    return all.length === 2 && all.every(({ status }) => status === 'done')
  })
  const found = await home.api.call(data.find, { tag: ['type:raw'] })
  expect(found.map(({ knitId }) => knitId)).toEqual([before, after])
  await untilAllHolds(home)
  await checkTimes(home, sql, since)
  expect(await home.stop()).toBe(0)
})
