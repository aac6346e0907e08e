import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { beginUpload } from '#shared/database/uploads.ts'
import type { TestWorld } from '#tests/support/world.ts'
import { expectError, nobody, test, type Ask } from './wire.ts'

/** A list, the id of a thing in it, and what makes things. */
const lists: Record<string, { id: string; make: (world: TestWorld) => Promise<unknown> }> = {
  data: {
    id: 'knitId',
    make: async (world) => {
      for (let i = 0; i < 5; i += 1) await makeData(world, `odd:${i % 2}`)
      await beginUpload(world.sql, [], 60, { actor: 'test' })
    },
  },
  runs: {
    id: 'runId',
    make: async (world) => {
      for (const status of ['done', 'failed', 'waiting', 'done'] as const)
        await makeRun(world, { status })
      await world.sql`update run set updated_at = '2026-01-02T03:04:05Z' where status = 'done'`
    },
  },
  plans: {
    id: 'planId',
    make: async (world) => {
      for (let i = 0; i < 5; i += 1) await makePlan(world, { inputs: { '/in': ['a:1'] } })
    },
  },
}

const names = Object.keys(lists)

type Reply = Awaited<ReturnType<Ask>>

const idsIn = (list: string, { json }: Reply): string[] =>
  (json as Record<string, string>[]).map((thing) => thing[lists[list]?.id ?? ''] ?? '')

const idsOf = async (ask: Ask, list: string, query = ''): Promise<string[]> =>
  idsIn(list, await ask(`GET /api/${list}${query}`))

test.for(names)(
  'GET /api/%s without a limit is whole, and as ever',
  async (list, { ask, world }) => {
    await lists[list]?.make(world)
    expect((await idsOf(ask, list)).length).toBeGreaterThan(4)
  },
)

test.for(names)(
  'pages of GET /api/%s are the list the other way round',
  async (list, { ask, world }) => {
    await lists[list]?.make(world)
    const whole = await idsOf(ask, list)
    for (const limit of [1, 2, 1000]) {
      const turned: string[] = []
      for (let page = await idsOf(ask, list, `?limit=${limit}`); page.length > 0;) {
        expect(page.length).toBeLessThanOrEqual(limit)
        turned.push(...page)
        page = await idsOf(ask, list, `?limit=${limit}&after=${turned.at(-1)}`)
      }
      expect(turned).toEqual(whole.toReversed())
    }
  },
)

test('what is searched for is searched for on every page', async ({ ask, world }) => {
  await lists['data']?.make(world)
  const whole = await idsOf(ask, 'data', '?tag=odd:1')
  const [first, second] = await idsOf(ask, 'data', '?tag=odd:1&limit=2')
  expect([first, second]).toEqual(whole.toReversed().slice(0, 2))
  expect(await idsOf(ask, 'data', `?tag=odd:1&limit=1&after=${first}`)).toEqual([second])
})

test('what has come since does not shift the pages that follow', async ({ ask, world }) => {
  await lists['runs']?.make(world)
  const [first, second] = await idsOf(ask, 'runs', '?limit=2')
  await makeRun(world, { status: 'running' })
  expect(await idsOf(ask, 'runs', `?limit=1&after=${first}`)).toEqual([second])
})

/** The rest of a list, by pages of two, each behind what the answer before says. */
async function follow(ask: Ask, list: string, first: Reply): Promise<string[]> {
  const found: string[] = []
  for (let after = first.headers['knit-after']; after !== undefined;) {
    const page = await ask(`GET /api/${list}?limit=2&after=${String(after)}`)
    found.push(...idsIn(list, page))
    after = page.headers['knit-after']
  }
  return found
}

test.for(names)(
  'GET /api/%s: a page says where the next one begins, and the last one that there is none',
  async (list, { ask, world }) => {
    await lists[list]?.make(world)
    const whole = await idsOf(ask, list)
    const first = await ask(`GET /api/${list}?limit=2`)
    const turned = [...idsIn(list, first), ...(await follow(ask, list, first))]
    expect(turned).toEqual(whole.toReversed())
    expect((await ask(`GET /api/${list}?limit=1000`)).headers['knit-after']).toBeUndefined()
    expect((await ask(`GET /api/${list}`)).headers['knit-after']).toBeUndefined()
  },
)

test('data that end while pages are turned are on no page less, nor are others', async ({
  ask,
  world,
}) => {
  const begun: string[] = []
  for (let i = 0; i < 6; i += 1)
    begun.push((await beginUpload(world.sql, [], 60, { actor: 'test' })).knitId)
  const before = (await idsOf(ask, 'data')).toReversed()
  const first = await ask('GET /api/data?limit=2')
  // The last of the page, and one that is still to come.
  for (const ended of [before[1], before[3]])
    await world.sql`update data set ended_at = now() where id = ${ended ?? ''}`
  const rest = await follow(ask, 'data', first)
  expect(new Set([...idsIn('data', first), ...rest])).toEqual(new Set(before))
  // What was shown before it had ended is so once more, and nothing else is.
  expect(rest.toSorted()).toEqual(before.slice(1).toSorted())
})

test('runs that move while pages are turned do not bring the pages before once more', async ({
  ask,
  world,
}) => {
  await lists['runs']?.make(world)
  const before = (await idsOf(ask, 'runs')).toReversed()
  const first = await ask('GET /api/runs?limit=2')
  await world.sql`update run set updated_at = now() + interval '1 s' where id = ${before[1] ?? ''}`
  expect(await follow(ask, 'runs', first)).toEqual(before.slice(2))
})

test.for(names)('GET /api/%s: a limit is a number from 1 to 1000', async (list, { ask }) => {
  for (const limit of ['0', '1001', '-1', '1.5', 'many'])
    expectError(await ask(`GET /api/${list}?limit=${limit}`), 400, 'bad request')
  expect((await ask(`GET /api/${list}?limit=`)).status).toBe(200)
})

test.for(names)('GET /api/%s: after needs a limit and an id', async (list, { ask }) => {
  expectError(await ask(`GET /api/${list}?after=${nobody}`), 400, 'bad request')
  for (const after of ['nonsense', `${nobody}~x`, `${nobody}~1~2`, `nonsense~1`])
    expectError(await ask(`GET /api/${list}?limit=1&after=${after}`), 400, 'bad request')
})

test.for(['data', 'runs'])(
  'GET /api/%s: after something that is gone says so',
  async (list, { ask }) => {
    const reply = await ask(`GET /api/${list}?limit=1&after=${nobody}`)
    expectError(reply, 400, 'bad request')
    expect(reply.text).toContain('begin again')
  },
)
