import type { ClusterCall } from '#shared/ports/cluster.ts'
import type { Deploy } from '#shared/runtime/define-route.ts'
import { routeFolder, type Route } from '#shared/contracts/route.ts'

/** A function as it is deployed: the name of its service, and what it asked for. */
export type Deployed = { service: string; deploy: Deploy; uses: readonly ClusterCall[] }

type Served =
  | { kind: 'route'; contract: Route; deploy: Deploy }
  | { kind: 'step' | 'gateway'; name: string; deploy: Deploy }

/** Of everything that is served: `runs.show` becomes `api-runs-show`, `finish-run` becomes `step-finish-run`. */
export const deployed = (functions: readonly Served[]): Deployed[] =>
  functions.map((fn) => ({ service: serviceOf(fn), deploy: fn.deploy, uses: fn.deploy.uses ?? [] }))

function serviceOf(fn: Served): string {
  if (fn.kind === 'route') return `api-${routeFolder(fn.contract)}`
  return fn.kind === 'step' ? `step-${fn.name}` : fn.name
}

export const isDeployment = ({ deploy }: Deployed): boolean => deploy.as === 'deployment'
