import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { routeUrl } from '#shared/client/route-url.ts'
import { lineage } from '#shared/contracts/lineage.ts'
import { migrate } from '#shared/database/migrate.ts'
import { showLineage } from '#shared/database/lineage.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import type { Lineage } from '#shared/domain/lineage.ts'
import { addTree, treeId } from '#tests/support/tree-of-runs.ts'
import { traceLineage, type LineageGraph } from '../../cli/graph/lineage.ts'
import { lineageSource } from '../../cli/graph/source.ts'
import { openDoor } from '../../functions/local/door.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  rounded,
  roundsAtLeast,
  timed,
  type Bench,
  type Benchmark,
  type Facts,
  type Finding,
  type Samples,
} from './harness.ts'
import { settingsOf } from './population.ts'
import { profileOf } from './profile.ts'
import { worldOf } from './world.ts'

// Data and runs together.
const sizes = [10, 1000, 10_000] as const
const walked = sizes[1]

export default {
  id: 'B21',
  what: 'lineage of 10, 1,000 and 10,000 data and runs, as JSON and for Graphviz',
  async run(bench) {
    const sql = await database(bench)
    const asked = { sql, ...(await serve(bench, sql)), bareRoot: await serveBare(bench, sql) }
    const findings: Finding[] = []
    for (const size of sizes) findings.push(...(await compare(asked, size)))
    return findings.toSorted((a, b) => a.id.length - b.id.length)
  },
} satisfies Benchmark

async function database(bench: Bench): Promise<Sql> {
  const server = await startPostgres({ folder: await bench.folder('lineage') })
  bench.onEnd(() => server.stop())
  const sql = connect(server.url, server.options)
  bench.onEnd(() => sql.end({ timeout: 5 }))
  await migrate(sql)
  for (const size of sizes) await addTree(sql, size)
  await sql.unsafe('vacuum (analyze)')
  return sql
}

async function serve(bench: Bench, sql: Sql): Promise<{ api: KnitApi; apiRoot: string }> {
  const world = worldOf(sql)
  const door = await openDoor({
    ...world,
    config: { ...world.config, host: '127.0.0.1', port: 0, maxRequestRate: 1e6 },
  })
  bench.onEnd(() => door.close())
  return { api: connectApi({ apiRoot: door.apiRoot }), apiRoot: door.apiRoot }
}

/** Nothing but the walk over HTTP, which tells the ids on it. */
async function serveBare(bench: Bench, sql: Sql): Promise<string> {
  const server = createServer((request, response) => {
    void bareWalk(sql, (request.url ?? '').slice(1)).then((ids) =>
      response.end(JSON.stringify(ids)),
    )
  }).listen(0, '127.0.0.1')
  bench.onEnd(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Asked = { sql: Sql; api: KnitApi; apiRoot: string; bareRoot: string }

async function compare({ sql, api, apiRoot, bareRoot }: Asked, size: number): Promise<Finding[]> {
  const id = treeId('data', size, 1)
  const asJson = routeUrl(apiRoot, lineage.show, { id })
  const asDot = routeUrl(apiRoot, lineage.show, { id, format: 'dot' })
  const ways = { upstream: true, downstream: true, depth: Infinity }
  const walk = () => traceLineage(lineageSource(api, {}), id, ways)
  const isWalked = size <= walked
  compareAnswers(
    size,
    await api.call(lineage.show, { id }),
    await textAt(asDot),
    await bareWalk(sql, id),
  )
  if (isWalked) checkSize('the walk', size, await walk())
  // One of few things is over too soon to be timed alone.
  const times = Math.max(1, Math.round(1000 / size))
  const each = async (ask: () => Promise<unknown>) =>
    (await timed(async () => {
      for (let time = 0; time < times; time += 1) await ask()
    })) / times
  const query = () => showLineage(sql, id, { direction: 'both', limit: 10_000 })
  const samples = await alternate(roundsAtLeast, {
    json: () => each(() => textAt(asJson)),
    dot: () => each(() => textAt(asDot)),
    bare: () => each(() => bareWalk(sql, id)),
    bareServer: () => each(() => textAt(`${bareRoot}/${id}`)),
    query: () => each(query),
    client: () => each(() => api.call(lineage.show, { id })),
    walk: () => (isWalked ? timed(walk) : Promise.resolve(Number.NaN)),
  })
  const profile = await profileOf(async () => {
    for (let time = 0; time < 20 * times; time += 1) await query()
  })
  return judge(size, samples, { isWalked, profile, settings: await settingsOf(sql) })
}

async function textAt(url: string | URL): Promise<string> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  return answer.text()
}

/** Shows that each tells the whole of it. */
function compareAnswers(size: number, json: Lineage, dot: string, bare: readonly unknown[]): void {
  const drawn = dot.split('\n').filter((line) => line.includes('shape=')).length
  const told = { json: json.data.length + json.runs.length, dot: drawn, bare: bare.length }
  for (const [who, count] of Object.entries(told))
    if (count !== size) throw new Error(`of ${size} things ${who} tells ${count}`)
}

function checkSize(who: string, size: number, { data, runs }: LineageGraph): void {
  const found = data.size + runs.size
  if (found !== size) throw new Error(`of ${size} things ${who} finds ${found}`)
}

type Taken = Samples<'json' | 'dot' | 'bare' | 'bareServer' | 'query' | 'client' | 'walk'>

function judge(
  size: number,
  samples: Taken,
  { isWalked, profile, settings }: { isWalked: boolean; profile: string; settings: Facts },
): Finding[] {
  const { json, dot, bare, bareServer, query, client, walk } = samples
  const ofSize = `lineage of ${size} data and runs`
  const facts = {
    'JSON, ms': rounded(median(json)),
    'for Graphviz, ms': rounded(median(dot)),
    'the bare walk, ms': rounded(median(bare)),
    'the bare walk over bare HTTP, ms': rounded(median(bareServer)),
    'JSON / the bare walk over bare HTTP': rounded(ratioOf(json, bareServer).ratio),
    'our statements and what is made of them, without HTTP, ms': rounded(median(query)),
    'where their time goes (waiting is for the database)': profile,
    ...(isWalked && { 'a request for each, ms': rounded(median(walk)) }),
    ...settings,
  }
  const besideBare = (form: string, what: string, taken: number[]) =>
    finding(
      { id: `B21.${size}.${form}`, what: `${ofSize}, ${what} / the bare walk in SQL`, unit: '×' },
      ratioOf(taken, bare),
      atMost(3),
      facts,
    )
  const one = { id: 'B21', what: `${ofSize}: a request for each / one for all`, unit: '×' }
  return [
    // By the same client.
    ...(size === walked ? [finding(one, ratioOf(walk, client), atLeast(100), facts)] : []),
    besideBare('json', 'as JSON', json),
    besideBare('dot', 'for Graphviz', dot),
  ]
}

/** Nothing but the way, up and down, and the ids on it. */
const bareWalk = (sql: Sql, id: string) => sql`
  with recursive down (id, is_run) as (
    select ${id}::uuid, false
     union
    select next.id, not down.is_run
      from down
     cross join lateral (
       select run_id as id from assign where not down.is_run and knit_id = down.id
        union all
       select id from data where down.is_run and run_id = down.id
     ) as next
  ),
  up (id, is_run) as (
    select ${id}::uuid, false
     union
    select next.id, not up.is_run
      from up
     cross join lateral (
       select run_id as id from data where not up.is_run and id = up.id
        union all
       select knit_id as id from assign where up.is_run and run_id = up.id
     ) as next
  )
  select id from down
   union
  select id from up`
