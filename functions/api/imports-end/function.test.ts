import { decodeJwt } from 'jose'
import { expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeImport } from '#tests/support/imports.ts'
import { passTime } from '#tests/support/runs.ts'
import { call, deliver, tick, type TestWorld } from '#tests/support/world.ts'
import cleanUp from '../../steps/clean-up/function.ts'
import finishRun from '../../steps/finish-run/function.ts'
import abort from '../runs-abort/function.ts'
import deleteRun from '../runs-delete/function.ts'
import show from '../data-show/function.ts'
import endImport from './function.ts'

const path = '/api/backend/data/import/end'
const headers = { 'content-type': 'application/jwt' }

const end = (ctx: TestWorld, token: string) =>
  answer<DataDetail>(endImport, ctx, path, { body: token, headers, role: 'user' })

const refused = (ctx: TestWorld, token: string, code: Parameters<typeof refusal>[3]) =>
  refusal(endImport, ctx, path, code, { body: token, headers })

/** What a token is about. */
function partsOf(token: string): { knitId: string; runId: string } {
  const claims = decodeJwt(token)
  return { knitId: String(claims['knitfab/knitId']), runId: String(claims['knitfab/runId']) }
}

const finish = (ctx: TestWorld, runId: string, name: 'run.completing' | 'run.aborting') =>
  deliver(finishRun, ctx, name, { runId, attempt: 1 })

test('an import that is ended becomes data: shown is what was before, done comes with the next step', async ({
  ctx,
}) => {
  const token = await makeImport(ctx)
  const { knitId, runId } = partsOf(token)
  const shown = await end(ctx, token)
  expect(shown).toMatchObject({
    knitId,
    tags: [`knit#id:${knitId}`, 'knit#transient:processing'],
    upstream: { mountpoint: { path: '/imported' }, run: { runId, status: 'running' } },
  })
  const [told] = await ctx.sql`select type from outbox where subject = ${runId}`
  expect(told).toEqual({ type: 'run.completing' })
  await finish(ctx, runId, 'run.completing')
  const done = await answer<DataDetail>(show, ctx, `/api/data/${knitId}/metadata`)
  expect(done).toMatchObject({
    upstream: { run: { status: 'done' } },
    content: { bytes: 7, files: 2, digest: 'sha256:seven' },
  })
  expect(await ctx.sql`select from agent where knit_id = ${knitId}`).toHaveLength(0)
  expect(await ctx.sql`select from match_task where knit_id = ${knitId}`).toHaveLength(1)
})

test('told again while it becomes data it is the same; when that is done the token is used up', async ({
  ctx,
}) => {
  const token = await makeImport(ctx)
  const { runId } = partsOf(token)
  await end(ctx, token)
  expect((await end(ctx, token)).upstream.run.status).toBe('completing')
  await finish(ctx, runId, 'run.completing')
  expect(await refused(ctx, token, 'bad-import-token')).toContain('was used')
})

test('a newline at the end of a token is passed over, a blank is not', async ({ ctx }) => {
  const token = await makeImport(ctx)
  await refused(ctx, `${token} `, 'bad-import-token')
  await end(ctx, `${token}\n`)
})

test.for(['', 'text/plain', 'application/jwt; charset=utf-8', 'application/json'])(
  'the content type "%s" is refused before the token is looked at',
  async (type, { ctx }) => {
    const wrong = { body: 'nonsense', headers: { 'content-type': type } }
    expect(await refusal(endImport, ctx, path, 'bad-request', wrong)).toContain('application/jwt')
  },
)

test.for(['', 'nonsense', 'a.b.c', '../../etc/passwd'])(
  '%j is no token',
  async (token, { ctx }) => {
    await refused(ctx, token, 'bad-import-token')
  },
)

test('more than any token is refused by its length', async ({ ctx }) => {
  expect(await refused(ctx, 'x'.repeat(1 << 20), 'too-large')).toContain('8192')
})

test('a token that has expired ends nothing, though its import is still there', async ({ ctx }) => {
  const token = await makeImport(ctx)
  const { clock } = ctx
  ctx.clock = { now: () => new Date(Date.now() + 31 * 60_000) }
  await refused(ctx, token, 'bad-import-token')
  ctx.clock = clock
  await end(ctx, token)
})

test('without its volume it says which, and it can be ended when that is there', async ({
  ctx,
}) => {
  const token = await makeImport(ctx, { hasVolume: false })
  const volume = volumeOf(partsOf(token).knitId)
  expect(await refused(ctx, token, 'volume-missing')).toContain(`no volume ${volume}`)
  ctx.cluster.volumes.set(volume, { bytes: 1, files: 1, digest: 'd' })
  await end(ctx, token)
})

test('a volume that is not bound is waited for, and not for long', async ({ ctx }) => {
  const token = await makeImport(ctx)
  const volume = volumeOf(partsOf(token).knitId)
  ctx.cluster.pending.add(volume)
  let looks = 0
  ctx.cluster.before = (operation) => {
    if (operation !== 'adoptVolume') return
    looks += 1
    if (looks === 2) ctx.cluster.pending.delete(volume)
  }
  await end(ctx, token)
  expect(looks).toBe(2)
  ctx.cluster.before = () => {}
  const late = await makeImport(ctx)
  ctx.cluster.pending.add(volumeOf(partsOf(late).knitId))
  const { clock } = ctx
  let time = Date.now()
  ctx.clock = { now: () => new Date((time += 4000)) }
  expect(await refused(ctx, late, 'volume-missing')).toContain('not bound')
  ctx.clock = clock
})

test('a run that was deleted, or is over, says so', async ({ ctx }) => {
  const token = await makeImport(ctx)
  const { runId } = partsOf(token)
  await answer(abort, ctx, `/api/runs/${runId}/abort`)
  expect(await refused(ctx, token, 'import-over')).toContain('aborting')
  await finish(ctx, runId, 'run.aborting')
  expect(await refused(ctx, token, 'import-over')).toContain('failed')
  expect((await call(deleteRun, ctx, `/api/runs/${runId}`)).status).toBe(204)
  expect(await refused(ctx, token, 'import-missing')).toContain(runId)
})

test('an import whose lease has passed cannot be ended any more', async ({ ctx }) => {
  const token = await makeImport(ctx)
  await passTime(ctx)
  await tick(cleanUp, ctx)
  expect(await refused(ctx, token, 'import-over')).toContain('not ended in time')
})

test('of two who end it at the same time one does, and both are answered', async ({ ctx }) => {
  const token = await makeImport(ctx)
  const answers = await Promise.all([end(ctx, token), end(ctx, token)])
  expect(answers.map(({ upstream }) => upstream.run.status).sort()).toEqual([
    'completing',
    'running',
  ])
  const { runId } = partsOf(token)
  expect(await ctx.sql`select from outbox where subject = ${runId}`).toHaveLength(1)
})

test('a viewer may not', async ({ ctx }) => {
  const options = { body: await makeImport(ctx), headers, role: 'viewer' } as const
  await refusal(endImport, ctx, path, 'forbidden', options)
})
