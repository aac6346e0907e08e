import { expect } from 'vitest'
import { test, type TestWorld } from '#tests/support/world.ts'
import { until } from '#tests/support/until.ts'
import { refusals } from './refusals.ts'

const attempt = {
  actor: undefined,
  address: '192.0.2.1',
  route: 'runs.abort',
  subjects: ['r1'],
  status: 401,
  requestId: 'r',
  trace: 't',
}

async function recorded({ sql }: TestWorld): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::integer from audit`
  return row?.count ?? 0
}

test('an attempt is recorded as it was', async ({ ctx }) => {
  refusals(ctx)(attempt)
  await until(() => recorded(ctx))
  const [row] =
    await ctx.sql`select actor, host(address) as address, route, subjects, status from audit`
  expect(row).toEqual({
    actor: null,
    address: '192.0.2.1',
    route: 'runs.abort',
    subjects: ['r1'],
    status: 401,
  })
})

test('who tries very often fills no disk, and leaves room for others', async ({ ctx }) => {
  const refused = refusals(ctx, () => 0)
  for (let i = 0; i < 1000; i += 1) refused(attempt)
  for (let i = 0; i < 5; i += 1) refused({ ...attempt, address: '198.51.100.7' })
  await until(async () => (await recorded(ctx)) >= 25)
  expect(await recorded(ctx)).toBe(25)
  expect(ctx.lines.join('')).toMatch(/not in the audit.*"count":980/)
  for (let i = 0; i < 1000; i += 1) refused({ ...attempt, address: `192.0.2.${i % 250}` })
  await until(async () => (await recorded(ctx)) >= 200)
  expect(await recorded(ctx)).toBe(200)
})

test('what cannot be recorded is in the log, and nobody is kept waiting', async ({ ctx }) => {
  const sql = (() => Promise.reject(new Error('it is away'))) as never
  refusals({ ...ctx, sql })(attempt)
  await until(() => ctx.lines.join('').includes('it is away'))
})
