import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { TagChange } from '#shared/domain/data.ts'
import { formatTag, parseTag } from '#shared/domain/tag.ts'
import { parseTime } from '#shared/domain/time.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { outbox, test, type TestWorld } from '#tests/support/world.ts'
import { changeTags } from './data.ts'
import { findDataIds, showData } from './data-view.ts'
import { dropMatchTasks, matchData, matchPlan, takeMatchTasks } from './matching.ts'
import { tagsById } from './tags.ts'
import { beginUpload } from './uploads.ts'

const by = { actor: 'test' }

const change = (ctx: TestWorld, knitId: string, what: object, maxTags = 100) =>
  changeTags(ctx.sql, knitId, TagChange.parse(what), maxTags, by)

async function tagsOf(ctx: TestWorld, knitId: string): Promise<string[]> {
  const [shown] = await showData(ctx.sql, [knitId])
  return shown?.tags.filter((tag) => !tag.startsWith('knit#')) ?? []
}

test('tags are taken away first, by pair and by key, and put then', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1', 'a:2', 'b:1', 'c:1')
  await change(ctx, knitId, { add: ['b:1', 'd:1'], remove: ['b:1', 'c:9'], remove_key: ['a'] })
  expect(await tagsOf(ctx, knitId)).toEqual(['b:1', 'c:1', 'd:1'])
})

test('putting what is there and taking away what is not changes nothing', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  await change(ctx, knitId, { add: ['a:1'], remove: ['a:2', 'never:used'], remove_key: ['nobody'] })
  expect(await tagsOf(ctx, knitId)).toEqual(['a:1'])
  expect(await change(ctx, knitId, {})).toBeUndefined()
})

test('keys and values are compared exactly', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1', 'A:1', 'a:1x', 'b:1')
  await change(ctx, knitId, { remove: ['a:1X', 'A: 1x'], remove_key: ['B', 'a:1'] })
  expect(await tagsOf(ctx, knitId)).toEqual(['A:1', 'a:1', 'a:1x', 'b:1'])
})

test('any text is a tag: quotes, backslashes, newlines, emoji, thousands of characters', async ({
  ctx,
}) => {
  const odd = ['q"uo\'te', 'back\\slash', 'new\nline', '😀', '%_', '{a,"b"}', 'é'.repeat(2000), '']
  const add = odd.map((value) => ({ key: `k${value}`.slice(0, 6), value }))
  const knitId = await makeData(ctx)
  await change(ctx, knitId, { add })
  expect(await tagsOf(ctx, knitId)).toEqual(expect.arrayContaining(add.map(formatTag)))
  for (const tag of add) expect(await findDataIds(ctx.sql, [tag])).toEqual([knitId])
  await change(ctx, knitId, { remove: add })
  expect(await tagsOf(ctx, knitId)).toEqual([])
})

test('a change of tags is recorded as a fact to be matched, with its event', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  await ctx.sql`delete from match_task`
  await ctx.sql`delete from outbox`
  await change(ctx, knitId, { add: ['a:1'] })
  expect(await ctx.sql`select knit_id from match_task`).toEqual([{ knit_id: knitId }])
  expect(await outbox(ctx)).toEqual([{ type: 'data.tagged', data: { knitId } }])
})

test('taking a tag away withdraws what no longer holds, and only that', async ({ ctx }) => {
  const a = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const b = await makePlan(ctx, { inputs: { '/in': ['b:1'] } })
  const knitId = await makeData(ctx, 'a:1', 'b:1')
  await ctx.sql.begin((tx) => matchData(tx, [knitId], by))
  await ctx.sql`update nomination set due = false`
  await change(ctx, knitId, { remove: ['a:1'] })
  expect(await ctx.sql`select plan_id, due from nomination`).toEqual([{ plan_id: b, due: false }])
  const [shown] = await showData(ctx.sql, [knitId])
  expect(shown?.nomination.map(({ plan }) => plan.planId)).toEqual([b])
  expect(a).not.toBe(b)
})

test('too many tags, or a data that does not exist, change nothing', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  expect(await change(ctx, knitId, { add: ['b:1', 'c:1'] }, 2)).toEqual({ tags: 3 })
  expect(await tagsOf(ctx, knitId)).toEqual(['a:1'])
  expect(await change(ctx, knitId, { add: ['b:1', 'c:1'], remove: ['a:1'] }, 2)).toBeUndefined()
  expect(await change(ctx, randomUUID(), { add: ['b:1'] })).toBe('absent')
})

test('changes of the same data at the same time all count', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'old:1')
  const names = Array.from({ length: 12 }, (_, index) => `n${String(index).padStart(2, '0')}:1`)
  await Promise.all([
    ...names.map((tag) => change(ctx, knitId, { add: [tag] })),
    change(ctx, knitId, { remove: ['old:1'] }),
  ])
  expect(await tagsOf(ctx, knitId)).toEqual(names)
})

test('a tag that nobody has used before, used by many at the same time, is on every one of them', async ({
  ctx,
}) => {
  for (let round = 0; round < 5; round += 1) {
    const tag = `fresh:${randomUUID()}`
    const made = await Promise.all(Array.from({ length: 8 }, () => makeData(ctx, tag, 'b:1')))
    expect((await findDataIds(ctx.sql, [parseTag(tag)])).toSorted()).toEqual(made.toSorted())
  }
})

test('tags are kept once, whoever carries them', async ({ ctx }) => {
  await makeData(ctx, 'a:1', 'b:1')
  await makeData(ctx, 'a:1')
  const ids = await ctx.sql<{ id: number }[]>`select id from tag`
  const tags = await tagsById(
    ctx.sql,
    ids.map(({ id }) => id),
  )
  expect([...tags.values()].map(formatTag).toSorted()).toEqual(['a:1', 'b:1'])
})

test('a data is found by all its tags, and by none it does not carry', async ({ ctx }) => {
  const one = await makeData(ctx, 'a:1', 'b:1')
  const two = await makeData(ctx, 'a:1')
  const find = (...tags: string[]) => findDataIds(ctx.sql, tags.map(parseTag))
  expect(await find()).toEqual([one, two])
  expect(await find('a:1')).toEqual([one, two])
  expect(await find('a:1', 'b:1')).toEqual([one])
  expect(await find('a:1', 'never:used')).toEqual([])
  expect(await find(`knit#id:${two}`)).toEqual([two])
  expect(await find(`knit#id:${two}`, 'b:1')).toEqual([])
  expect(await find(`knit#id:${one}`, `knit#id:${two}`)).toEqual([])
  expect(await find('knit#nothing:1')).toEqual([])
})

test('data are found by what their run does to them', async ({ ctx }) => {
  const running = await makeRun(ctx, { status: 'running' })
  const failed = await makeRun(ctx, { status: 'failed' })
  const find = (tag: string) => findDataIds(ctx.sql, [parseTag(tag)])
  expect((await find('knit#transient:processing')).toSorted()).toEqual(running.outputs.toSorted())
  expect((await find('knit#transient:failed')).toSorted()).toEqual(failed.outputs.toSorted())
})

test('data are listed by when they ended, those that have not last', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  const late = await makeData(ctx)
  const early = await makeData(ctx)
  await ctx.sql`update data set ended_at = '2026-01-01T00:00:00Z' where id = ${early}`
  expect(await findDataIds(ctx.sql, [])).toEqual([early, late, upload.knitId])
})

test('the window of a search begins with its first instant and ends before its last', async ({
  ctx,
}) => {
  const ids = [await makeData(ctx), await makeData(ctx), await makeData(ctx)]
  for (const [index, id] of ids.entries())
    await ctx.sql`
      update data set ended_at = '2026-01-01T00:00:00Z'::timestamptz + ${index} * interval '1 s' where id = ${id}`
  const since = new Date('2026-01-01T00:00:01Z')
  expect(await findDataIds(ctx.sql, [], { since })).toEqual(ids.slice(1))
  expect(await findDataIds(ctx.sql, [], { since, duration: 1000 })).toEqual([ids[1]])
  expect(await findDataIds(ctx.sql, [], { since, duration: 1001 })).toEqual(ids.slice(1))
  expect(await findDataIds(ctx.sql, [], { since, duration: 0 })).toEqual([])
  expect(await findDataIds(ctx.sql, [], { since, duration: -1000 })).toEqual([])
})

test.for([
  '0001-01-01T00:00:00Z',
  '0001-01-01T00:00:00+09:00',
  '0000-01-01T00:00:00Z',
  '0000-01-01T00:00:00+23:59',
  '9999-12-31T23:59:59.999-23:59',
])('a search since, or for data of, %s is answered', async (text, { ctx }) => {
  const knitId = await makeData(ctx)
  const since = parseTime(text)
  if (!since) throw new Error('no time')
  const all = text.startsWith('9') ? [] : [knitId]
  expect(await findDataIds(ctx.sql, [], { since })).toEqual(all)
  expect(await findDataIds(ctx.sql, [], { since, duration: 9e12 })).toEqual([])
  expect(await findDataIds(ctx.sql, [parseTag(`knit#timestamp:${text}`)])).toEqual([])
})

test('what arrives while a fact is matched has a task of its own, which stays', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  await ctx.sql.begin(async (tx) => {
    const tasks = await takeMatchTasks(tx, 10)
    expect(tasks).toHaveLength(1)
    await change(ctx, knitId, { add: ['a:1'] })
    await dropMatchTasks(
      tx,
      tasks.map(({ id }) => id),
    )
  })
  expect(await ctx.sql`select knit_id from match_task`).toEqual([{ knit_id: knitId }])
})

test('a plan that fits many data is matched page by page, each data with all its inputs', async ({
  ctx,
}) => {
  const data: string[] = []
  for (let made = 0; made < 9; made += 1) data.push(await makeData(ctx, 'a:1'))
  const plan = await makePlan(ctx, { inputs: { '/x': ['a:1'], '/y': ['a:1'], '/z': ['b:1'] } })
  let after: string | null = null
  let pages = 0
  for (; pages < 20; pages += 1) {
    const next = await ctx.sql.begin((tx) => matchPlan(tx, plan, after, 5, by))
    const halves = await ctx.sql`select from nomination group by knit_id having count(*) <> 2`
    expect(halves).toHaveLength(0)
    if (next === undefined) break
    after = next
  }
  expect(pages).toBeGreaterThan(2)
  expect(await ctx.sql`select from nomination`).toHaveLength(18)
})
