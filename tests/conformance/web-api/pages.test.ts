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

async function idsOf(ask: Ask, list: string, query = ''): Promise<string[]> {
  const things = (await ask(`GET /api/${list}${query}`)).json as Record<string, string>[]
  return things.map((thing) => thing[lists[list]?.id ?? ''] ?? '')
}

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

test.for(names)('GET /api/%s: a limit is a number from 1 to 1000', async (list, { ask }) => {
  for (const limit of ['0', '1001', '-1', '1.5', 'many'])
    expectError(await ask(`GET /api/${list}?limit=${limit}`), 400, 'bad request')
  expect((await ask(`GET /api/${list}?limit=`)).status).toBe(200)
})

test.for(names)('GET /api/%s: after needs a limit and an id', async (list, { ask }) => {
  expectError(await ask(`GET /api/${list}?after=${nobody}`), 400, 'bad request')
  expectError(await ask(`GET /api/${list}?limit=1&after=nonsense`), 400, 'bad request')
})

test.for(['data', 'runs'])(
  'GET /api/%s: after something that is gone says so',
  async (list, { ask }) => {
    const reply = await ask(`GET /api/${list}?limit=1&after=${nobody}`)
    expectError(reply, 400, 'bad request')
    expect(reply.text).toContain('begin again')
  },
)
