import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect } from 'vitest'
import { connect, type Sql } from '#shared/database/sql.ts'
import { jsonText } from '#shared/runtime/respond.ts'
import { testServer } from '#tests/support/database.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { begin } from '#tests/support/over-socket.ts'
import { call } from '#tests/support/world.ts'
import findRuns from '../../../functions/api/runs-find/function.ts'
import { test as base, type Ask } from './wire.ts'

const count = 10_000

/** So many data, each of some kilobytes as JSON, of as many runs; and more plans than a page. */
const test = base.extend<{ $file: { many: void } }>({
  many: [
    async ({ front: { world } }, use) => {
      const { sql } = world
      const first = await makeData(world, `long:${'x'.repeat(4000)}`)
      await sql`
        with run as (
          insert into run (plan_id, status, updated_at)
          select plan_id, 'done', now() - i % 100 * interval '1 s'
            from data, generate_series(2, ${count}) as i
           where data.id = ${first}
          returning id, plan_id, updated_at
        )
        insert into data (plan_id, run_id, output_id, tags, ready, ended_at)
        select run.plan_id, run.id, output_id, tags, true, run.updated_at
          from run, data
         where data.id = ${first}`
      const plan = await makePlan(world, { inputs: { '/in': ['long:1'] } })
      await sql`
        insert into plan (image, image_tag, entrypoint, args, on_node, resources, annotations, active, hash)
        select image, i::text, entrypoint, args, on_node, resources, annotations, active, sha256(i::text::bytea)
          from plan, generate_series(1, 1500) as i
         where id = ${plan}`
      await use()
    },
    { scope: 'file', auto: true },
  ],
})

const ids = { data: 'knitId', runs: 'runId', plans: 'planId' }
type List = keyof typeof ids

/** All of a list by its parts, the newest last. */
async function inParts(ask: Ask, list: List): Promise<unknown[]> {
  const found: Record<string, unknown>[] = []
  for (let after = ''; ;) {
    const part: Record<string, unknown>[] = (await ask(`GET /api/${list}?limit=1000${after}`)).json
    if (part.length === 0) return found.toReversed()
    found.push(...part)
    after = `&after=${String(part.at(-1)?.[ids[list]])}`
  }
}

test.for(Object.keys(ids) as List[])(
  'GET /api/%s of more than a page comes in pieces, with the bytes it always had',
  async (list, { ask }) => {
    const all = await inParts(ask, list)
    expect(all.length).toBeGreaterThan(1000)
    for (const query of ['', '?pretty']) {
      const { status, headers, text } = await ask(`GET /api/${list}${query}`)
      expect(status).toBe(200)
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'transfer-encoding': 'chunked',
      })
      // Not by `toBe`, which would print megabytes.
      expect(text === jsonText(all, query !== '')).toBe(true)
    }
  },
)

test.for(Object.keys(ids) as List[])(
  'GET /api/%s says how long it is when it is a page at most',
  async (list, { ask }) => {
    const { headers, body } = await ask(`GET /api/${list}?since=&limit=1000`)
    expect(headers['content-length']).toBe(String(body.length))
  },
)

test.for([
  'data?duration=1h',
  'runs?status=odd',
  'plans?active=maybe',
  'plans?dryRun',
  'data?tag=x',
])('GET /api/%s of many is refused as of few', async (path, { ask }) => {
  expect(await ask(`GET /api/${path}`)).toMatchObject({ status: 400 })
})

test('what moves while the list is read is in it once, and what has come since is not', async ({
  world,
}) => {
  const before = await world.sql<{ id: string }[]>`select id from run order by updated_at, id`
  const reader = (await call(findRuns, world, '/api/runs')).body?.getReader()
  const read = async () => Buffer.from((await reader?.read())?.value ?? [])
  const pieces = [await read()]
  for (const run of [before[0], before.at(-2)])
    await world.sql`update run set updated_at = now() where id = ${run?.id ?? ''}`
  await makeData(world)
  for (let piece = await read(); piece.length > 0; piece = await read()) pieces.push(piece)
  const all = JSON.parse(Buffer.concat(pieces).toString()) as { runId: string }[]
  expect(all.map(({ runId }) => runId)).toEqual(before.map(({ id }) => id))
})

/** Lets nobody into a database, and throws out who is in it; gives back how to let them in again. */
async function takeAway(sql: Sql): Promise<() => Promise<void>> {
  const { url, path } = testServer()
  const [{ name }] = await sql<[{ name: string }]>`select current_database() as name`
  const admin = connect(url, { path, max: 1 })
  await admin`alter database ${admin(name)} with allow_connections false`
  await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
  return async () => {
    await admin`alter database ${admin(name)} with allow_connections true`
    await admin.end()
  }
}

test('a list whose database goes away meanwhile breaks off, and is no JSON', async ({
  front,
  ask,
}) => {
  const request = begin(front, { path: '/api/data' }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  // Nobody reads: what is made by now is what lies on the line, and it is far from all.
  const bringBack = await takeAway(front.world.sql)
  const pieces: string[] = []
  response.setEncoding('utf8').on('data', (piece: string) => pieces.push(piece))
  await expect(once(response, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(response.complete).toBe(false)
  expect(pieces.join('')).toMatch(/^\[\{"knitId"/)
  expect(() => JSON.parse(pieces.join('')) as unknown).toThrow()
  await bringBack()
  expect((await ask('GET /api/data?limit=1')).status).toBe(200)
})
