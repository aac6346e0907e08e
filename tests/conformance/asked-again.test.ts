import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { isWrite } from '#shared/contracts/route.ts'
import type { PlanSpec } from '#shared/domain/plan.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { test } from '#tests/support/api.ts'
import { makeImport } from '#tests/support/imports.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { call, type CallOptions, type TestWorld } from '#tests/support/world.ts'
import { routeFunctions } from '../../functions/functions.generated.ts'

type Asked = { path: string } & CallOptions

/** Of every route that changes something, a request that does. */
const requests: Record<string, (ctx: TestWorld) => Promise<Asked>> = {
  'admin.drop': async (ctx) => ({ path: '/api/admin/events/drop', body: await deadEvent(ctx) }),
  'admin.replay': async (ctx) => ({ path: '/api/admin/events/replay', body: await deadEvent(ctx) }),
  'data.push': async () => ({ path: '/api/data?tag=again:1', body: 'any bytes' }),
  'data.tag': async (ctx) => ({
    path: `/api/data/${await makeData(ctx)}`,
    body: { add: ['again:1'] },
  }),
  'imports.begin': async () => ({ path: '/api/backend/data/import/begin' }),
  'imports.end': async (ctx) => ({
    path: '/api/backend/data/import/end',
    body: await makeImport(ctx),
    headers: { 'content-type': 'application/jwt' },
  }),
  'tokens.create': async () => ({
    path: '/api/admin/tokens',
    body: { name: 'again', role: 'user' },
  }),
  'tokens.revoke': async ({ sql }) => {
    await sql`
      insert into token (name, hash, role, created_by, expires_at)
      values ('old', sha256('old'), 'user', 'ann', now() + interval '1 day')`
    return { path: '/api/admin/tokens/old' }
  },
  'plans.activate': async (ctx) => ({ path: await planPath(ctx, { active: false }) }),
  'plans.apply': async () => ({
    path: '/api/plans',
    body: { image: 'again:1', inputs: [{ path: '/in', tags: ['again:1'] }] },
  }),
  'plans.deactivate': async (ctx) => ({ path: await planPath(ctx, { active: true }) }),
  'plans.resource': async (ctx) => ({
    path: `/api/plans/${(await makeRun(ctx)).planId}/resources`,
    body: { set: { cpu: '2' } },
  }),
  'plans.annotate': async (ctx) => ({
    path: `/api/plans/${await newPlan(ctx)}/annotations`,
    body: { add: ['a=1'] },
  }),
  'plans.setaccount': async (ctx) => ({
    path: `/api/plans/${await newPlan(ctx)}/serviceaccount`,
    body: { service_account: 'trainer' },
  }),
  'plans.unsetaccount': async (ctx) => ({
    path: `/api/plans/${await newPlan(ctx, { service_account: 'trainer' })}/serviceaccount`,
  }),
  'runs.abort': async (ctx) => ({
    path: `/api/runs/${(await makeRun(ctx, { status: 'running' })).runId}/abort`,
  }),
  'runs.tearoff': async (ctx) => ({
    path: `/api/runs/${(await makeRun(ctx, { status: 'running' })).runId}/tearoff`,
  }),
  'runs.retry': async (ctx) => ({
    path: `/api/runs/${(await makeRun(ctx, { status: 'failed' })).runId}/retry`,
  }),
  'runs.delete': async (ctx) => ({
    path: `/api/runs/${(await makeRun(ctx, { status: 'failed' })).runId}`,
  }),
}

async function deadEvent({ sql }: TestWorld): Promise<{ eventIds: unknown[] }> {
  const event = { id: 'e', name: 'run.ready', subject: 's', data: {}, time: new Date() } as const
  await keepDeadLetter(sql, 'start-run', event, 'why')
  const [letter] = await sql`select id from dead_letter`
  return { eventIds: [letter?.['id']] }
}

const newPlan = (ctx: TestWorld, more: Partial<PlanSpec> = {}): Promise<string> =>
  makePlan(ctx, { inputs: { '/in': ['again:2'] } }, more)

const planPath = async (ctx: TestWorld, more: { active: boolean }): Promise<string> =>
  `/api/plans/${await newPlan(ctx, more)}/active`

type Row = Record<string, unknown>

/** Everything there is, but for leases that come and go. */
async function everything({ sql }: TestWorld): Promise<Record<string, readonly Row[]>> {
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`
  const rows = await Promise.all(
    tables.map(
      async ({ name }) => [name, await sql`select * from ${sql(name)} order by 1`] as const,
    ),
  )
  return Object.fromEntries(rows)
}

const writes = routeFunctions.filter(({ contract }) => isWrite(contract))

test('there is a request here for every route that changes something', () => {
  expect(writes.map(({ name }) => name).toSorted()).toEqual(Object.keys(requests).toSorted())
})

test.for(writes.map((fn) => [fn.name, fn] as const))(
  '%s is recorded, and asked again with its key is answered as the first time and changes nothing',
  async ([name, fn], { ctx }) => {
    const asked = await requests[name]?.(ctx)
    const headers = { ...asked?.headers, 'idempotency-key': randomUUID() }
    const ask = async () => {
      const response = await call(fn, ctx, asked?.path ?? '', { ...asked, headers })
      return { status: response.status, text: await response.text() }
    }
    const empty = await everything(ctx)
    const first = await ask()
    expect(first.status).toBe(fn.contract.status ?? 200)
    const once = await everything(ctx)
    expect(once).not.toEqual(empty)
    // It is in the audit, once, with who, where from and what it was about.
    const recorded = once['audit']?.slice(empty['audit']?.length)
    expect(recorded).toMatchObject([
      { route: name, actor: 'ann', address: '192.0.2.1', status: first.status },
    ])
    expect(recorded?.[0]?.subjects).not.toEqual([])
    expect(await ask()).toEqual(first)
    expect(await everything(ctx)).toEqual(once)
  },
)
