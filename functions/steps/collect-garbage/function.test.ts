import { expect } from 'vitest'
import { passTime } from '#tests/support/runs.ts'
import { deliver, test, type TestWorld } from '#tests/support/world.ts'
import collectGarbage from './function.ts'

const collect = (ctx: TestWorld): Promise<Response> =>
  deliver(collectGarbage, ctx, 'volume.dropped', {})

async function makeGarbage(ctx: TestWorld, ...volumes: string[]): Promise<void> {
  for (const volume of volumes) {
    await ctx.cluster.ensureVolume({ name: volume })
    await ctx.sql`insert into garbage (volume) values (${volume})`
  }
}

const left = async (ctx: TestWorld): Promise<string[]> => {
  const rows = await ctx.sql<{ volume: string }[]>`select volume from garbage order by volume`
  return rows.map(({ volume }) => volume)
}

test('volumes nobody needs any more are deleted, and no others', async ({ ctx }) => {
  await makeGarbage(ctx, 'a', 'b')
  await ctx.cluster.ensureVolume({ name: 'needed' })
  expect((await collect(ctx)).status).toBe(202)
  expect([...ctx.cluster.volumes.keys()]).toEqual(['needed'])
  expect(await left(ctx)).toEqual([])
})

test('a volume that was never made, or is gone already, is forgotten', async ({ ctx }) => {
  await ctx.sql`insert into garbage (volume) values ('never')`
  await collect(ctx)
  expect(await left(ctx)).toEqual([])
})

test('a volume that cannot be deleted holds no other back, and is tried again later', async ({
  ctx,
}) => {
  await makeGarbage(ctx, 'a', 'stuck', 'z')
  ctx.cluster.before = (_operation, name) => {
    if (name === 'stuck') throw new Error('still \0 mounted')
  }
  expect((await collect(ctx)).status).toBe(202)
  expect([...ctx.cluster.volumes.keys()]).toEqual(['stuck'])
  const [row] = await ctx.sql`select failures, reason, due_at > now() as later from garbage`
  expect(row).toEqual({
    failures: 1,
    reason: expect.stringMatching(/still . mounted/),
    later: true,
  })
  ctx.cluster.before = () => {}
  await passTime(ctx)
  await collect(ctx)
  expect(await left(ctx)).toEqual([])
})

test('a volume whose deletion never ends holds no other back, and is tried again later', async ({
  ctx,
}) => {
  await makeGarbage(ctx, 'a', 'endless', 'z')
  ctx.config.deletionPatience = 0.02
  ctx.cluster.before = (_operation, name) =>
    name === 'endless' ? new Promise<void>(() => {}) : undefined
  expect((await collect(ctx)).status).toBe(202)
  expect([...ctx.cluster.volumes.keys()]).toEqual(['endless'])
  expect(await ctx.sql`select failures, reason from garbage`).toEqual([
    { failures: 1, reason: 'it took longer than 0.02 s' },
  ])
})

test('the pause between two tries grows, to ten minutes at most', async ({ ctx }) => {
  await makeGarbage(ctx, 'stuck')
  ctx.cluster.before = () => {
    throw new Error('still mounted')
  }
  const pauses: number[] = []
  for (const failures of [0, 3, 9, 10, 1000]) {
    await ctx.sql`update garbage set failures = ${failures}, due_at = now()`
    await collect(ctx)
    const [row] = await ctx.sql<{ pause: number }[]>`
      select round(extract(epoch from due_at - now()))::integer as pause from garbage`
    pauses.push(row?.pause ?? 0)
  }
  for (const [index, pause] of [1, 8, 512, 600, 600].entries())
    expect(Math.abs((pauses[index] ?? 0) - pause)).toBeLessThanOrEqual(5)
})

test('garbage that was told of twice is collected once', async ({ ctx }) => {
  await makeGarbage(ctx, 'a')
  ctx.cluster.calls.length = 0
  await Promise.all([collect(ctx), collect(ctx)])
  await collect(ctx)
  expect(ctx.cluster.volumes.size).toBe(0)
  expect(await left(ctx)).toEqual([])
})
