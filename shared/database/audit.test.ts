import { expect } from 'vitest'
import { test, type TestWorld } from '#tests/support/world.ts'
import { findAudit, recordAudit } from './audit.ts'

const record = {
  actor: 'ann',
  address: '192.0.2.1',
  route: 'runs.abort',
  subjects: ['one', 'two'],
  status: 200,
  requestId: 'r',
  trace: 't',
}

const recordAged = ({ sql }: TestWorld, days: number, actor = 'ann') => sql`
  insert into audit (at, actor, route, subjects, status, request_id, trace)
  values (now() - ${days} * interval '1 day', ${actor}, 'runs.abort', array[${`of ${days}`}], 200, 'r', 't')`

const whole = { limit: 1000 }

test('what is recorded is found as it was', async ({ ctx }) => {
  await recordAudit(ctx.sql, record)
  await recordAudit(ctx.sql, { ...record, actor: undefined, address: '2001:db8::1', subjects: [] })
  const nobody = { ...record, actor: null, address: '2001:db8::1', subjects: [] }
  expect(await findAudit(ctx.sql, whole)).toMatchObject([nobody, record])
})

test.for([
  ['changed', 'update audit set actor = null'],
  ['changed, not even to what it is', 'update audit set actor = actor'],
  ['deleted', 'delete from audit'],
  ['truncated', 'truncate audit'],
  ['truncated with others', 'truncate audit, plan cascade'],
  [
    'replaced',
    `insert into audit select * from audit on conflict (id) do update set actor = 'eve'`,
  ],
])('what is recorded cannot be %s', async ([, statement = ''], { ctx }) => {
  await recordAged(ctx, 29.9)
  await expect(ctx.sql.unsafe(statement)).rejects.toThrow(/the audit takes new rows only/)
  expect(await findAudit(ctx.sql, whole)).toMatchObject([{ actor: 'ann' }])
})

test('what is older than 30 days may be forgotten, and not changed', async ({ ctx }) => {
  await recordAged(ctx, 30.1)
  await expect(ctx.sql`update audit set actor = 'eve'`).rejects.toThrow(/new rows only/)
  await ctx.sql`delete from audit`
  expect(await findAudit(ctx.sql, whole)).toEqual([])
})

test('page after page brings everything once, the newest first, also of one moment', async ({
  ctx,
}) => {
  for (const days of [5, 4, 3, 2, 1]) await recordAged(ctx, days)
  await ctx.sql.begin(async (tx) => {
    for (const actor of ['x', 'y', 'z']) await recordAudit(tx, { ...record, actor })
  })
  const found: string[] = []
  for (let after: string | undefined; ;) {
    const page = await findAudit(ctx.sql, { limit: 2, after })
    found.push(...page.map(({ actor, subjects }) => `${actor} ${subjects[0]}`))
    after = page.at(-1)?.id
    if (page.length < 2) break
  }
  const aged = [1, 2, 3, 4, 5].map((days) => `ann of ${days}`)
  expect(found).toEqual(['z one', 'y one', 'x one', ...aged])
})

test('it is found by who, by what it was about, and by when', async ({ ctx }) => {
  for (const [days, actor] of [
    [3, 'ann'],
    [2, 'bob'],
    [1, 'ann'],
  ] as const)
    await recordAged(ctx, days, actor)
  const subjects = async (query: object) =>
    (await findAudit(ctx.sql, { ...whole, ...query })).flatMap((row) => row.subjects)
  expect(await subjects({ actor: 'ann' })).toEqual(['of 1', 'of 3'])
  expect(await subjects({ subject: 'of 2' })).toEqual(['of 2'])
  const since = new Date(Date.now() - 2.5 * 24 * 60 * 60 * 1000)
  expect(await subjects({ since })).toEqual(['of 1', 'of 2'])
  expect(await subjects({ since, actor: 'bob' })).toEqual(['of 2'])
  expect(await subjects({ actor: 'an' })).toEqual([])
})
