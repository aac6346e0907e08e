import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { routeUrl } from '#shared/client/route-url.ts'
import { lineage } from '#shared/contracts/lineage.ts'
import { migrate } from '#shared/database/migrate.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { addTree, treeId } from '#tests/support/tree-of-runs.ts'
import { traceLineage } from '../../cli/graph/lineage.ts'
import { lineageSource } from '../../cli/graph/source.ts'
import { openDoor } from '../../functions/local/door.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  roundsAtLeast,
  timed,
  type Bench,
  type Benchmark,
  type Finding,
} from './harness.ts'
import { settingsOf } from './population.ts'
import { worldOf } from './world.ts'

// Data and runs together.
const sizes = [10, 1000, 10_000] as const
const walked = sizes[1]

export default {
  id: 'B21',
  what: 'lineage of 10, 1,000 and 10,000 data and runs, as JSON and for Graphviz',
  async run(bench) {
    const sql = await database(bench)
    const { api, apiRoot } = await serve(bench, sql)
    const findings: Finding[] = []
    for (const size of sizes) findings.push(...(await compare(sql, { api, apiRoot }, size)))
    return findings
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

async function compare(
  sql: Sql,
  { api, apiRoot }: { api: KnitApi; apiRoot: string },
  size: number,
): Promise<Finding[]> {
  const id = treeId('data', size, 1)
  const whole = await api.call(lineage.show, { id })
  if (whole.data.length + whole.runs.length !== size)
    throw new Error(`of ${size} things ${whole.data.length + whole.runs.length} were told`)
  const asDot = routeUrl(apiRoot, lineage.show, { id, format: 'dot' })
  const walk = () =>
    traceLineage(lineageSource(api, {}), id, { upstream: true, downstream: true, depth: Infinity })
  const samples = await alternate(roundsAtLeast, {
    json: () => timed(() => api.call(lineage.show, { id })),
    dot: () => timed(async () => (await fetch(asDot)).text()),
    bare: () => timed(() => bareWalk(sql, id)),
    walk: () => (size <= walked ? timed(walk) : Promise.resolve(Number.NaN)),
  })
  const facts = {
    ...Object.fromEntries(
      Object.entries(samples).map(([who, ms]) => [`${who}, ms`, median(ms).toFixed(2)]),
    ),
    ...(await settingsOf(sql)),
  }
  const ofSize = `lineage of ${size} data and runs`
  const found = (suffix: string, what: string, ...rest: [number[], number[], number]) =>
    finding(
      { id: `B21.${suffix}${size}`, what: `${ofSize}, ${what}`, unit: '×' },
      ratioOf(rest[0], rest[1]),
      atMost(rest[2]),
      facts,
    )
  return [
    found('json', 'as JSON / the bare walk in SQL', samples.json, samples.bare, 3),
    found('dot', 'for Graphviz / the bare walk in SQL', samples.dot, samples.bare, 3),
    ...(size === walked
      ? [
          finding(
            { id: 'B21', what: `${ofSize}: one request for each / one for all`, unit: '×' },
            ratioOf(samples.walk, samples.json),
            atLeast(100),
            facts,
          ),
        ]
      : []),
  ]
}

/** Nothing but the way, and the ids on it. */
const bareWalk = (sql: Sql, id: string) => sql`
  with recursive way (id, is_run) as (
    select ${id}::uuid, false
     union
    select next.id, not way.is_run
      from way
     cross join lateral (
       select run_id as id from assign where not way.is_run and knit_id = way.id
        union all
       select id from data where way.is_run and run_id = way.id
     ) as next
  )
  select id from way`
