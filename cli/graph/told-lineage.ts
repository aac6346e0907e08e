import type { CallOptions } from '#shared/client/api.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { lineage } from '#shared/contracts/lineage.ts'
import type { Lineage } from '#shared/domain/lineage.ts'
import type { Reach } from './direction.ts'
import type { LineageSource } from './lineage.ts'

/** Of a longer way the server is asked for all there is: no more is walked of it than is wanted. */
const longest = 1000

/** A lineage in one request, or in as many as it has parts. */
export async function allThatIsTold(
  api: KnitApi,
  id: string,
  { upstream, downstream, depth }: Reach,
  options: CallOptions,
): Promise<Lineage> {
  const direction = upstream && downstream ? 'both' : upstream ? 'up' : 'down'
  const way = { id, direction, besides: 'true', ...(depth <= longest && { depth }) } as const
  const parts = [await api.call(lineage.show, way, options)]
  for (let after = parts[0]?.after; after !== undefined; after = parts.at(-1)?.after)
    parts.push(await api.call(lineage.show, { ...way, after }, options))
  return {
    id,
    data: parts.flatMap(({ data }) => data),
    runs: parts.flatMap(({ runs }) => runs),
    edges: parts.flatMap(({ edges }) => edges),
  }
}

/** Data and runs of a lineage, as they would be looked up one by one. */
export function toldBy({ data, runs, edges }: Lineage): LineageSource {
  const dataById = new Map(data.map((one) => [one.knitId, one]))
  const runsById = new Map(runs.map((one) => [one.runId, one]))
  // Those that lead to runs come in the order of these.
  const edgesTo = Map.groupBy(edges, ({ to }) => to)
  const edgesFrom = Map.groupBy(edges, ({ from }) => from)
  return {
    async data(knitId) {
      const found = dataById.get(knitId)
      if (!found) return undefined
      const [maker] = edgesTo.get(knitId) ?? []
      const downstreams = (edgesFrom.get(knitId) ?? []).map(({ to, path = '' }) => ({
        run: { runId: to },
        mountpoint: { path },
      }))
      return { ...found, ...(maker && { upstream: madeAt(maker) }), downstreams }
    },
    async run(runId) {
      const found = runsById.get(runId)
      if (!found) return undefined
      const reads = inOrder(edgesTo.get(runId))
      const writes = inOrder(edgesFrom.get(runId))
      const log = writes.find(({ path }) => path === undefined)
      return {
        ...found,
        plan: summaryOf(found),
        inputs: reads.map(({ from, path = '' }) => ({ knitId: from, path })),
        outputs: writes.flatMap(({ to, path }) =>
          path === undefined ? [] : [{ knitId: to, path }],
        ),
        log: log ? { knitId: log.to } : null,
      }
    },
  }
}

type Edge = Lineage['edges'][number]

const inOrder = (edges: Edge[] = []): Edge[] => edges.toSorted((a, b) => a.position - b.position)

const madeAt = ({ from, path }: Edge) => ({
  run: { runId: from },
  ...(path !== undefined && { mountpoint: { path } }),
})

/** No image has a name with `#`, and every built-in plan has one. */
const summaryOf = ({ planId, plan }: Lineage['runs'][number]) => ({
  planId,
  ...(plan.includes('#') ? { name: plan } : { image: plan }),
})
