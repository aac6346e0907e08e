import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import * as z from 'zod'
import { resource, route } from '#shared/contracts/route.ts'
import { test } from '#tests/support/api.ts'
import { call, type TestWorld } from '#tests/support/world.ts'
import { defineRoute } from './define-route.ts'
import { listed } from './long-list.ts'
import { jsonText } from './respond.ts'

type Thing = { id: string; text: string }

const { find } = resource('things', {
  find: route(() => ({
    method: 'get',
    path: '/api/things',
    summary: 'Find things.',
    role: 'viewer',
    response: z.array(z.object({ id: z.string(), text: z.string() })),
    problems: [],
  })),
})

/** So many things, and who asks for them: `show` may leave some out, or fail; `pages` are those it was asked for. */
function things(count: number, show: (ids: string[], page: number) => string[] = (ids) => ids) {
  const ids = Array.from({ length: count }, () => randomUUID())
  const pages: string[][] = []
  const shown = (some: readonly string[]): Thing[] => some.map((id) => ({ id, text: '<é>' }))
  const fn = defineRoute(find, () =>
    listed(
      async (found) => {
        for (const id of ids) found.push(id)
        return found
      },
      async (some) => shown(show(some, pages.push(some))),
    ),
  )
  const ask = (world: TestWorld, query = '', signal?: AbortSignal) =>
    call(fn, world, `/api/things${query}`, signal && { signal })
  return { ids, pages, shown, ask }
}

test.for(['', '?pretty'])(
  'a list of many pages has the bytes of a short one%s',
  async (query, { ctx }) => {
    for (const count of [0, 1, 1000, 1001, 4321]) {
      const { ids, shown, ask } = things(count)
      expect(await (await ask(ctx, query)).text()).toBe(jsonText(shown(ids), query !== ''))
    }
  },
)

test.for(['', '?pretty'])(
  'what is gone by then leaves no trace, not even of a page%s',
  async (query, { ctx }) => {
    for (const stays of [[], [3], [2, 4], [1, 3]]) {
      const { ids, shown, ask } = things(4321, (some, page) => (stays.includes(page) ? some : []))
      const left = ids.filter((_, at) => stays.includes(Math.floor(at / 1000) + 1))
      expect(await (await ask(ctx, query)).text()).toBe(jsonText(shown(left), query !== ''))
    }
  },
)

test('pages are made as they are taken, and few of them before', async ({ ctx }) => {
  const { pages, ask } = things(50_000)
  const reader = (await ask(ctx)).body?.getReader()
  let taken = 0
  for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
    taken += 1
    expect(pages.length).toBeLessThanOrEqual(taken + 3)
  }
  expect(pages).toHaveLength(50)
})

test('for who has gone no page is made any more', async ({ ctx }) => {
  const { pages, ask } = things(50_000)
  const reader = (await ask(ctx)).body?.getReader()
  await reader?.read()
  await reader?.cancel()
  const made = pages.length
  await new Promise(setImmediate)
  expect(pages.length).toBeLessThanOrEqual(made + 1)
  expect(made).toBeLessThan(5)
})

test('what fails before the first byte is told, and what fails later breaks the answer off', async ({
  ctx,
}) => {
  const failing = (at: number) =>
    things(5000, (some, page) => {
      if (page === at) throw new Error('away')
      return some
    })
  expect((await failing(1).ask(ctx)).status).toBe(500)
  const late = await failing(4).ask(ctx)
  expect(late.status).toBe(200)
  await expect(late.text()).rejects.toThrow()
})
