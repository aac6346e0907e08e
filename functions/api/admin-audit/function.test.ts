import { expect } from 'vitest'
import { isWrite } from '#shared/contracts/route.ts'
import type { AuditEntry } from '#shared/domain/audit.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { makeRun } from '#tests/support/runs.ts'
import { call, test, type TestWorld } from '#tests/support/world.ts'
import abort from '../runs-abort/function.ts'
import show from '../runs-show/function.ts'
import audit from './function.ts'

const list = (ctx: TestWorld, query = '') =>
  answer<AuditEntry[]>(audit, ctx, `/api/admin/audit?${query}`)

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const headers = { traceparent, 'x-request-id': 'r1' }

test('who changes something is listed with what, when and where from', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'running' })
  await call(show, ctx, `/api/runs/${runId}`)
  await call(abort, ctx, `/api/runs/${runId}/abort`, { role: 'user', headers })
  const [entry, ...more] = await list(ctx)
  expect(more).toEqual([])
  expect(entry).toEqual({
    auditId: expect.any(String),
    time: expect.stringMatching(/\+00:00$/),
    actor: 'ann',
    address: '192.0.2.1',
    route: 'runs.abort',
    subjects: [runId],
    status: 200,
    requestId: 'r1',
    trace: '0af7651916cd43dd8448eb211c80319c',
  })
})

test('what was refused has changed nothing, and is not recorded as a change', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'done' })
  expect((await call(abort, ctx, `/api/runs/${runId}/abort`)).status).toBe(409)
  expect(isWrite(abort.contract)).toBe(true)
  expect(await list(ctx)).toEqual([])
})

test('it is asked for by who, what about, since when, and page by page', async ({ ctx }) => {
  const runs = [
    await makeRun(ctx, { status: 'running' }),
    await makeRun(ctx, { status: 'running' }),
  ]
  for (const { runId } of runs) await call(abort, ctx, `/api/runs/${runId}/abort`)
  const [first, second] = runs.map(({ runId }) => ({ subjects: [runId] }))
  expect(await list(ctx, 'actor=ann')).toMatchObject([second, first])
  expect(await list(ctx, 'actor=bob')).toEqual([])
  expect(await list(ctx, `subject=${runs[0]?.runId}`)).toMatchObject([first])
  expect(await list(ctx, 'since=2026-01-01T00:00:00Z')).toHaveLength(2)
  expect(await list(ctx, 'since=2999-01-01T00:00:00Z')).toEqual([])
  // With an offset these are in a year that Postgres does not write like others.
  expect(await list(ctx, 'since=0001-01-01T00:00:00%2B09:00')).toHaveLength(2)
  expect(await list(ctx, 'since=9999-12-31T23:59:59-09:00')).toEqual([])
  const page = await list(ctx, 'limit=1')
  expect(page).toMatchObject([second])
  expect(await list(ctx, `limit=1&after=${page[0]?.auditId}`)).toMatchObject([first])
})

test.for(['limit=0', 'limit=1001', 'after=x', 'since=yesterday', 'actor=%00', 'subject=%00'])(
  '%s cannot be asked for',
  async (query, { ctx }) => {
    await refusal(audit, ctx, `/api/admin/audit?${query}`, 'bad-request')
  },
)
