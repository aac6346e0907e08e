import { expect } from 'vitest'
import type { Place } from '#shared/domain/place.ts'
import { parseTag } from '#shared/domain/tag.ts'
import { makeData } from '#tests/support/makers.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { beginUpload } from './uploads.ts'
import { findDataIds } from './data-view.ts'
import { connect } from './sql.ts'

const by = { actor: 'test' }

/** Turns pages of two, by the tags, until there is none left. */
async function allPages(ctx: TestWorld, sql: TestWorld['sql'], tags: string[]): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const [last] = await ctx.sql<Place[]>`
      select id, ended_at as at from data where id = ${found.at(-1) ?? null}`
    const page = await findDataIds(sql, tags.map(parseTag), {}, { limit: 2, after: last })
    if (page.length === 0) return found
    found.push(...page)
  }
}

test('pages show the same data as the whole list, the newest first, those that have not ended before them', async ({
  ctx,
}) => {
  for (let i = 0; i < 7; i += 1) await makeData(ctx, 'a:1', `even:${i % 2 === 0}`)
  for (let i = 0; i < 3; i += 1) await beginUpload(ctx.sql, [parseTag('a:1')], 60, by)
  for (const tags of [[], ['a:1'], ['a:1', 'even:true'], ['no:such']]) {
    const whole = await findDataIds(ctx.sql, tags.map(parseTag))
    expect(await allPages(ctx, ctx.sql, tags)).toEqual(whole.toReversed())
  }
})

test('pages are the same however common the tags are known to be', async ({ ctx }) => {
  const uploads = Array.from({ length: 300 }, (_, i) => makeData(ctx, 'a:1', `nth:${i % 100}`))
  await Promise.all(uploads)
  const tags = ['a:1', 'nth:7']
  const unknown = await allPages(ctx, ctx.sql, tags)
  await ctx.sql`analyze data`
  // A pool of its own reads the statistics anew.
  const fresh = connect('postgres://test', ctx.sql.options as object)
  expect(await allPages(ctx, fresh, tags)).toEqual(unknown)
  expect(await allPages(ctx, fresh, ['a:1'])).toHaveLength(300)
  await fresh.end()
  expect(unknown).toHaveLength(3)
})
