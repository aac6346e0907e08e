import type { Lineage } from '#shared/domain/lineage.ts'
import { nameOf } from '../columns.ts'
import type { LineageGraph } from './lineage.ts'

type Edge = Omit<Lineage['edges'][number], 'position'>

/** For programs, what a drawing shows: in the order of discovery, without what could not be found. */
export const lineageList = ({ start, data, runs, edges }: LineageGraph) => ({
  id: start,
  data: found(data).map(({ knitId, tags }) => ({ knitId, tags })),
  runs: found(runs).map(({ runId, status, updatedAt, plan }) => ({
    runId,
    status,
    updatedAt,
    planId: plan.planId,
    plan: nameOf(plan),
  })),
  edges: edges.flatMap(({ from, to, label = '' }): Edge[] =>
    from.kind === 'root'
      ? []
      : [{ from: from.id, to: to.id, ...(label.startsWith('/') && { path: label }) }],
  ),
})

const found = <T>(things: Map<string, T | undefined>): T[] =>
  [...things.values()].filter((thing) => thing !== undefined)
