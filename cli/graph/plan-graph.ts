import type { PlanDetail } from '#shared/domain/plan.ts'
import { walk, type Reach } from './direction.ts'

/** A place where data enters or leaves a plan; without path it is the log. */
export type Port = { planId: string; path?: string }
export type PlanEdge = { from: Port; to: Port }

/** Plans in the order of discovery. */
export type PlanGraph = { start: string; plans: Map<string, PlanDetail>; edges: PlanEdge[] }

/** The plans that feed a plan and those that it feeds, step by step. */
export async function tracePlans(
  find: (planId: string) => Promise<PlanDetail | undefined>,
  start: string,
  { upstream, downstream, depth }: Reach,
): Promise<PlanGraph> {
  const plans = new Map<string, PlanDetail>()
  await addNew([start])
  if (upstream) await walk(start, depth, (level) => step(level, feeders))
  if (downstream) await walk(start, depth, (level) => step(level, fed))
  return { start, plans, edges: edgesAmong(plans) }

  async function step(level: string[], neighbours: (plan: PlanDetail) => string[]) {
    return addNew(level.flatMap((id) => neighbours(plans.get(id) ?? nobody)))
  }

  async function addNew(ids: string[]): Promise<string[]> {
    const unknown = [...new Set(ids)].filter((id) => !plans.has(id))
    const found = (await Promise.all(unknown.map(find))).filter((plan) => plan !== undefined)
    for (const plan of found) plans.set(plan.planId, plan)
    return found.map(({ planId }) => planId)
  }
}

const nobody = { inputs: [], outputs: [] } as unknown as PlanDetail

const feeders = (plan: PlanDetail): string[] =>
  plan.inputs.flatMap(({ upstreams }) => upstreams.map(({ plan }) => plan.planId))

const fed = (plan: PlanDetail): string[] =>
  [...plan.outputs, ...(plan.log ? [plan.log] : [])].flatMap(({ downstreams }) =>
    downstreams.map(({ plan }) => plan.planId),
  )

/** Both plans report an edge between them; it is there once, and only when both are. */
function edgesAmong(plans: Map<string, PlanDetail>): PlanEdge[] {
  const reported = [...plans.values()].flatMap((plan) => edgesInto(plan).concat(edgesOutOf(plan)))
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
