import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRunsDue } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import { lineageDot } from '../../../cli/graph/lineage-dot.ts'
import { traceLineage } from '../../../cli/graph/lineage.ts'
import { lineageSource, sourceOf } from '../../../cli/graph/source.ts'
import { test } from './wire.ts'

/** Two runs of one plan that share a data, each with a log and outputs out of order, and one that reads what both wrote. */
async function makeMesh(world: TestWorld): Promise<string[]> {
  const own = randomUUID()
  const [shared, one, other] = [
    await makeData(world, `shared:${own}`),
    await makeData(world, `each:${own}`),
    await makeData(world, `each:${own}`),
  ]
  const first = await makePlan(world, {
    inputs: { '/shared': [`shared:${own}`], '/each': [`each:${own}`] },
    outputs: { '/z': [`z:${own}`], '/a': [`a:${own}`] },
    log: [`log:${own}`],
  })
  await makeRunsDue(world, first)
  const end = (planId: string) => world.sql<{ id: string }[]>`
    update data set ready = true, ended_at = now() where plan_id = ${planId} returning id`
  const made = await end(first)
  const second = await makePlan(world, {
    inputs: { '/z': [`z:${own}`], '/a': [`a:${own}`] },
    outputs: { '/out': [] },
  })
  await makeRunsDue(world, second)
  const last = await end(second)
  return [shared, one, other, ...[...made, ...last].map(({ id }) => id)]
}

test('what one request tells of a lineage is drawn byte for byte as what is walked through', async ({
  front,
  world,
}) => {
  const api = connectApi({ apiRoot: front.door.apiRoot })
  const ways = [
    { upstream: true, downstream: true, depth: Infinity },
    { upstream: true, downstream: true, depth: 1 },
    { upstream: true, downstream: false, depth: 2 },
    { upstream: false, downstream: true, depth: 1 },
  ]
  const mesh = await makeMesh(world)
  // 3 uploads; 2 runs with 3 outputs each; 4 combinations of what these wrote.
  expect(mesh).toHaveLength(3 + 6 + 4)
  for (const knitId of mesh)
    for (const way of ways) {
      const told = await traceLineage(await sourceOf(knitId, way, api, {}), knitId, way)
      const walked = await traceLineage(lineageSource(api, {}), knitId, way)
      expect(lineageDot(told)).toBe(lineageDot(walked))
    }
})
