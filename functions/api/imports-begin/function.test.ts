import { randomUUID } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { verifyImport } from '#shared/runtime/import-token.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { call, type TestWorld } from '#tests/support/world.ts'
import showRun from '../runs-show/function.ts'
import begin from './function.ts'

const path = '/api/backend/data/import/begin'

async function beginOne(ctx: TestWorld, headers: Record<string, string> = {}): Promise<string> {
  const response = await call(begin, ctx, path, { role: 'user', headers })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/jwt')
  return response.text()
}

test('an import is a run of knit#imported in progress, and its token says which', async ({
  ctx,
}) => {
  const token = await beginOne(ctx)
  const ticket = await verifyImport(token, ctx.config, new Date())
  const run = await answer<RunDetail>(showRun, ctx, `/api/runs/${ticket?.runId}`)
  expect(run).toMatchObject({
    status: 'running',
    plan: { name: 'knit#imported' },
    inputs: [],
    outputs: [{ path: '/imported', tags: [], knitId: ticket?.knitId }],
    log: null,
  })
})

test('clients read the token without a key: algorithm, key id, volume, data and run', async ({
  ctx,
}) => {
  const token = await beginOne(ctx)
  expect(decodeProtectedHeader(token)).toEqual({
    alg: 'HS256',
    typ: 'JWT',
    kid: expect.any(String),
  })
  const claims = decodeJwt(token)
  expect(claims.sub).toBe(`data-knitid-${String(claims['knitfab/knitId'])}`)
  expect(claims).toMatchObject({ jti: expect.any(String), 'knitfab/runId': expect.any(String) })
})

test('a token is good for half an hour, as long as the lease on its data', async ({ ctx }) => {
  const { iat = 0, exp = 0, ...claims } = decodeJwt(await beginOne(ctx))
  expect(exp - iat).toBe(1800)
  const [lease] = await ctx.sql<{ mode: string; until: Date }[]>`
    select mode, lease_until as until from agent where knit_id = ${String(claims['knitfab/knitId'])}`
  expect(lease?.mode).toBe('write')
  expect(Math.floor((lease?.until.getTime() ?? 0) / 1000)).toBe(exp)
})

test('each import is one of its own, but for who asks again with the same key', async ({ ctx }) => {
  const headers = { 'idempotency-key': randomUUID() }
  const [first, again, other] = [
    await beginOne(ctx, headers),
    await beginOne(ctx, headers),
    await beginOne(ctx),
  ]
  expect(again).toBe(first)
  expect(decodeJwt(other).sub).not.toBe(decodeJwt(first).sub)
})

test('the token is nowhere in the database', async ({ ctx }) => {
  const token = await beginOne(ctx, { 'idempotency-key': randomUUID() })
  const rows = await ctx.sql`select answer::text, audit::text from request, audit`
  expect(JSON.stringify(rows)).not.toContain(token.split('.')[2])
})

test('a viewer may not', async ({ ctx }) => {
  await refusal(begin, ctx, path, 'forbidden', { role: 'viewer' })
})
