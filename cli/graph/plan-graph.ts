import type { PlanDetail } from '#shared/domain/plan.ts'
import { walk, type Reach } from './direction.ts'

/** A place where data enters or leaves a plan; without path it is the log. */
export type Port = { planId: string; path?: string }
export type PlanEdge = { from: Port; to: Port }

/** Plans in the order of discovery; those that could not be found are there without detail. */
export type PlanGraph = { start: string; plans: Plans; edges: PlanEdge[] }
type Plans = Map<string, PlanDetail | undefined>

/** The plans that feed a plan and those that it feeds, step by step. */
export async function tracePlans(
  find: (planId: string) => Promise<PlanDetail | undefined>,
  start: string,
  { upstream, downstream, depth }: Reach,
): Promise<PlanGraph> {
  const plans: Plans = new Map()
  await addNew([start])
  if (upstream) await walk(start, depth, (level) => step(level, feeders))
  if (downstream) await walk(start, depth, (level) => step(level, fed))
  return { start, plans, edges: edgesAmong(plans) }

  async function step(level: string[], neighbours: (plan: PlanDetail) => string[]) {
    return addNew(level.flatMap((id) => neighbours(plans.get(id) ?? nobody)))
  }

  async function addNew(ids: string[]): Promise<string[]> {
    const unknown = [...new Set(ids)].filter((id) => !plans.has(id))
    const found = await Promise.all(unknown.map(find))
    for (const [index, id] of unknown.entries()) plans.set(id, found[index])
    return unknown
  }
}

const nobody = { inputs: [], outputs: [] } as unknown as PlanDetail

const feeders = (plan: PlanDetail): string[] =>
  plan.inputs.flatMap(({ upstreams }) => upstreams.map(({ plan }) => plan.planId))

const fed = (plan: PlanDetail): string[] =>
  [...plan.outputs, ...(plan.log ? [plan.log] : [])].flatMap(({ downstreams }) =>
    downstreams.map(({ plan }) => plan.planId),
  )

/** Both plans report an edge between them, if both could be found; it is there once, and only when both are. */
function edgesAmong(plans: Plans): PlanEdge[] {
  const found = [...plans.values()].filter((plan) => plan !== undefined)
  const reported = found.flatMap((plan) => edgesInto(plan).concat(edgesOutOf(plan)))
  const inside = reported.filter(({ from, to }) => plans.has(from.planId) && plans.has(to.planId))
  return [...new Map(inside.map((edge) => [JSON.stringify(edge), edge])).values()]
}

const edgesInto = ({ planId, inputs }: PlanDetail): PlanEdge[] =>
  inputs.flatMap(({ path, upstreams }) =>
    upstreams.map(({ plan, mountpoint }) => ({
      from: { planId: plan.planId, path: mountpoint?.path },
      to: { planId, path },
    })),
  )

const edgesOutOf = ({ planId, outputs, log }: PlanDetail): PlanEdge[] =>
  [...outputs, ...(log ? [{ ...log, path: undefined }] : [])].flatMap(({ path, downstreams }) =>
    downstreams.map(({ plan, mountpoint }) => ({
      from: { planId, path },
      to: { planId: plan.planId, path: mountpoint.path },
    })),
  )
