import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Token } from '#shared/domain/token.ts'
import { hashOf, isTokenSecret } from '#shared/runtime/token-secret.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import type { TestWorld } from '#tests/support/world.ts'
import create from './function.ts'

type NewToken = Token & { secret: string }
const path = '/api/admin/tokens'
const day = 24 * 60 * 60

/** Everything the database holds, as text. */
async function everything({ sql }: TestWorld): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public'`
  const rows = await Promise.all(tables.map(({ name }) => sql`select t::text from ${sql(name)} t`))
  return JSON.stringify(rows)
}

test('a token is made for as long as was asked, by who asked', async ({ ctx }) => {
  const body = { name: 'ci', role: 'user', lifetime: 30 * day }
  const { secret, createdAt, expiresAt, ...token } = await answer<NewToken>(create, ctx, path, {
    body,
  })
  expect(token).toEqual({ name: 'ci', role: 'user', state: 'valid', createdBy: 'ann' })
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * day * 1000)
  expect(isTokenSecret(secret)).toBe(true)
})

test('a token is good for 90 days unless said otherwise', async ({ ctx }) => {
  const body = { name: 'usual', role: 'viewer' }
  const token = await answer<NewToken>(create, ctx, path, { body })
  expect(Date.parse(token.expiresAt) - Date.parse(token.createdAt)).toBe(90 * day * 1000)
})

test('the secret is in the answer, also when that was lost and is asked for again, and nowhere else', async ({
  ctx,
}) => {
  const headers = { 'idempotency-key': randomUUID() }
  const asked = { body: { name: 'kept', role: 'user' }, headers }
  const { secret } = await answer<NewToken>(create, ctx, path, asked)
  expect(await answer<NewToken>(create, ctx, path, asked)).toMatchObject({ secret })
  const [row] = await ctx.sql`select hash from token where name = 'kept'`
  expect(row?.['hash']).toEqual(hashOf(secret))
  expect(await everything(ctx)).not.toContain(secret.slice(5, 69))
  expect(ctx.lines.join('')).not.toContain(secret.slice(5, 69))
})

test('no two tokens have the same secret', async ({ ctx }) => {
  const secrets = ['a', 'b', 'c'].map(async (name) => {
    const body = { name, role: 'viewer' }
    return (await answer<NewToken>(create, ctx, path, { body })).secret
  })
  expect(new Set(await Promise.all(secrets)).size).toBe(3)
})

test('a name is not given twice, also when its token was revoked', async ({ ctx }) => {
  const body = { name: 'once', role: 'user' }
  await answer(create, ctx, path, { body })
  await ctx.sql`update token set revoked_by = 'ann', revoked_at = now() where name = 'once'`
  expect(await refusal(create, ctx, path, 'token-name-taken', { body })).toContain('once')
})

test.for([
  { role: 'user' },
  { name: 'x' },
  { name: 'x', role: 'root' },
  { name: '', role: 'user' },
  { name: 'Ann', role: 'user' },
  { name: 'a b', role: 'user' },
  { name: 'a:b', role: 'user' },
  { name: '-a', role: 'user' },
  { name: 'a\0', role: 'user' },
  { name: 'a'.repeat(64), role: 'user' },
  { name: 'x', role: 'user', lifetime: 0 },
  { name: 'x', role: 'user', lifetime: 0.5 },
  { name: 'x', role: 'user', lifetime: 3651 * day },
])('%j makes no token', async (body, { ctx }) => {
  await refusal(create, ctx, path, 'bad-request', { body })
})
