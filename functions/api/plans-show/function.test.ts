import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import find from '../plans-find/function.ts'
import show from './function.ts'

test('a plan is shown as a search shows it', async ({ ctx }) => {
  const planId = await makePlan(
    ctx,
    { inputs: { '/in': ['show:1'] }, outputs: { '/out': ['show:<2>'] }, log: [] },
    { annotations: [{ key: 'a', value: '"\\\n' }], args: ['&'] },
  )
  const shown = await answer<PlanDetail>(show, ctx, `/api/plans/${planId}`)
  expect(Object.keys(shown)).toEqual([
    'planId',
    'image',
    'entrypoint',
    'args',
    'annotations',
    'inputs',
    'outputs',
    'log',
    'active',
    'resources',
  ])
  expect(shown.annotations).toEqual(['a="\\\n'])
  const found = await answer<PlanDetail[]>(find, ctx, '/api/plans?in_tag=show:1')
  expect(found).toEqual([shown])
  expect(await answer(show, ctx, `/api/plans/${planId}/`)).toEqual(shown)
})

test('a built-in plan is shown with its name and without an image', async ({ ctx }) => {
  const [row] = await ctx.sql<{ id: string }[]>`select id from plan where name = 'knit#uploaded'`
  expect(await answer(show, ctx, `/api/plans/${row?.id}`)).toEqual({
    planId: row?.id,
    name: 'knit#uploaded',
    inputs: [],
    outputs: [{ path: '/upload', tags: [], downstreams: [] }],
    active: true,
  })
})

test('inputs and outputs keep the order of the plan, however often it is shown', async ({
  ctx,
}) => {
  const paths = ['/in/z', '/in/a', '/in/m', '/in/b', '/in/10', '/in/9']
  const planId = await makePlan(ctx, {
    inputs: Object.fromEntries(paths.map((path) => [path, ['order:1']])),
    outputs: Object.fromEntries(paths.map((path) => [path.replace('in', 'out'), []])),
  })
  for (let times = 0; times < 3; times += 1) {
    const shown = await answer<PlanDetail>(show, ctx, `/api/plans/${planId}`)
    expect(shown.inputs.map(({ path }) => path)).toEqual(paths)
    expect(shown.outputs.map(({ path }) => path.replace('out', 'in'))).toEqual(paths)
  }
})

test.for([randomUUID(), 'nonsense', '%00', '%zz', '..%2F', `${randomUUID()}x`, "'--", '日本'])(
  'the id %s is 404',
  async (id, { ctx }) => {
    await refusal(show, ctx, `/api/plans/${id}`, 'plan-not-found')
  },
)

test('an id in upper case is not the id', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['upper:1'] } })
  await refusal(show, ctx, `/api/plans/${planId.toUpperCase()}`, 'plan-not-found')
})

test('an empty id is the planned 404', async ({ ctx }) => {
  await refusal(show, ctx, '/api/plans//', 'plan-not-found')
})

test('pretty indents', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['pretty:1'] } })
  const { text, body } = await ask(show, ctx, `/api/plans/${planId}?pretty=0`)
  expect(text).toBe(`${JSON.stringify(body, null, 2)}\n`)
})
