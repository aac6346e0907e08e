import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { ask, refusal, test } from '#tests/support/api.ts'
import { losingCommits } from '#tests/support/lost-commits.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import type { CallOptions, TestWorld } from '#tests/support/world.ts'
import tag from '../../functions/api/data-tag/function.ts'
import activate from '../../functions/api/plans-activate/function.ts'
import apply from '../../functions/api/plans-apply/function.ts'
import deactivate from '../../functions/api/plans-deactivate/function.ts'

const keyed = (key: string, more: CallOptions = {}): CallOptions => ({
  ...more,
  headers: { 'idempotency-key': key },
})

const spec = (image: string) => ({ image, inputs: [{ path: '/in', tags: [image] }] })

const change = (ctx: TestWorld, knitId: string, key: string, body: object) =>
  ask<DataDetail>(tag, ctx, `/api/data/${knitId}`, keyed(key, { body }))

test('a request that is asked again has one effect and one answer, to the byte', async ({
  ctx,
}) => {
  const body = spec('example.test/once:1')
  const first = await ask<PlanDetail>(apply, ctx, '/api/plans', keyed('a', { body }))
  expect(first.status).toBe(200)
  const again = await ask(apply, ctx, '/api/plans', keyed('a', { body }))
  expect(again.text).toBe(first.text)
  // Without the key it is another one.
  await refusal(apply, ctx, '/api/plans', 'plan-equivalent', { body })
})

test('the answer is that of the first time, whatever has changed since', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['once:2'] } })
  const path = `/api/plans/${planId}/active`
  const key = randomUUID()
  const first = await ask<PlanDetail>(deactivate, ctx, path, keyed(key))
  await ask(activate, ctx, path)
  const again = await ask<PlanDetail>(deactivate, ctx, path, keyed(key))
  expect(again.text).toBe(first.text)
  expect(again.body.active).toBe(false)
  expect(await ctx.sql`select active from plan where id = ${planId}`).toEqual([{ active: true }])
})

test('a commit whose reply was lost is answered when it is asked for again', async ({ ctx }) => {
  const options = keyed(randomUUID(), { body: spec('example.test/once:3') })
  const lost = { ...ctx, sql: losingCommits(ctx.sql) }
  expect((await ask(apply, lost, '/api/plans', options)).status).toBe(503)
  const again = await ask<PlanDetail>(apply, ctx, '/api/plans', options)
  expect(again.status).toBe(200)
  const plans = await ctx.sql`select id from plan where image = 'example.test/once'`
  expect(plans.filter(({ id }) => id === again.body.planId)).toHaveLength(1)
})

test('many that ask at the same time have one effect, and are all answered the same', async ({
  ctx,
}) => {
  const options = keyed(randomUUID(), { body: spec('example.test/once:4') })
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => ask(apply, ctx, '/api/plans', options)),
  )
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  expect(answers[0]?.status).toBe(200)
})

test('a key that was used for another request is refused, and changes nothing', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'once:5')
  await change(ctx, knitId, 'tags', { add: ['x:1'] })
  const { status, text } = await change(ctx, knitId, 'tags', { add: ['x:2'] })
  expect(status).toBe(422)
  expect(text).toMatch(/used for another request/)
  const other = await makePlan(ctx, { inputs: { '/in': ['once:6'] } })
  await refusal(deactivate, ctx, `/api/plans/${other}/active`, 'key-refused', keyed('tags'))
  const [row] = await ctx.sql`select cardinality(tags) as tags from data where id = ${knitId}`
  expect(row).toEqual({ tags: 2 })
})

test('a request that was refused is no answer: asked again it may succeed', async ({ ctx }) => {
  const options = keyed(randomUUID(), { body: spec('example.test/once:5') })
  const twin = await ask<PlanDetail>(apply, ctx, '/api/plans', {
    body: spec('example.test/once:5'),
  })
  expect((await ask(apply, ctx, '/api/plans', options)).status).toBe(409)
  await ctx.sql`update plan set hash = sha256('another') where id = ${twin.body.planId}`
  expect((await ask(apply, ctx, '/api/plans', options)).status).toBe(200)
})

test.for(['', ' ', 'with blank', 'x'.repeat(256), 'caf\u00e9'])(
  'what is no key is refused: %j',
  async (key, { ctx }) => {
    const planId = await makePlan(ctx, { inputs: { '/in': ['once:7'] } })
    await refusal(deactivate, ctx, `/api/plans/${planId}/active`, 'key-refused', keyed(key))
  },
)

test('keys are those of a caller: another may use the same', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['once:8'] } })
  await ask(deactivate, ctx, `/api/plans/${planId}/active`, keyed('mine'))
  const [request] = await ctx.sql`select caller from request where key = 'mine'`
  expect(request).toEqual({ caller: 'ann' })
  await ctx.sql`update request set caller = 'bob' where key = 'mine'`
  const { status } = await ask(activate, ctx, `/api/plans/${planId}/active`, keyed('mine'))
  expect(status).toBe(200)
})
