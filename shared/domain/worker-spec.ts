import type { Annotation } from './annotation.ts'
import type { OnNode } from './on-node.ts'
import { resourceLimits } from './quantity.ts'
import type { WorkerSpec } from './worker.ts'

/** The volume that holds a data. */
export const volumeOf = (knitId: string): string => `data-knitid-${knitId}`

/** The data a volume holds; undefined when the name is none of ours. */
export const dataOfVolume = (name: string): string | undefined =>
  /^data-knitid-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(name)?.[1]

/** The worker of one attempt to execute a run. */
export const workerOf = (run: { id: string; attempt: number }): string =>
  `worker-run-${run.id}-${run.attempt}`

/** The run and attempt a worker is of; undefined when the name is none of ours. */
export function runOfWorker(name: string): { id: string; attempt: number } | undefined {
  const [, id, attempt] =
    /^worker-run-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d{1,9})$/.exec(name) ?? []
  return id === undefined ? undefined : { id, attempt: Number(attempt) }
}

/**
 * The `traceparent` of the execution of a run's program, in the trace of the run; undefined when that is not recorded. Whoever starts the
 * program and whoever sees its end come to the same: it is made of run and attempt.
 */
export function programTrace(run: {
  id: string
  attempt: number
  traceparent?: string | null
}): string | undefined {
  if (!run.traceparent) return undefined
  const span = (run.attempt % 0x10000).toString(16).padStart(4, '0') + run.id.slice(-12)
  return `${run.traceparent.slice(0, 36)}${span}-01`
}

/** What a run reads and writes, and the plan that says how. */
export type Work = {
  image: string
  entrypoint: string[]
  args: string[]
  onNode: Partial<OnNode>
  resources: Record<string, string>
  annotations: Annotation[]
  serviceAccount: string | null
  inputs: { path: string; knitId: string }[]
  /** In the plan's order; the log has no path. */
  outputs: { path: string | null; knitId: string }[]
}

/** The annotation that lets a plan's programs use the network where they are kept from it. */
const networkAnnotation = { key: 'knit.network', value: 'yes' }

/** A run becomes a worker, as a plain value. */
export function workerSpec(
  run: { id: string; planId: string; attempt: number; traceparent?: string | null },
  work: Work,
): WorkerSpec {
  const traceparent = programTrace(run)
  const log = work.outputs.find(({ path }) => path === null)
  return {
    name: workerOf(run),
    labels: { run: run.id, plan: run.planId, attempt: String(run.attempt) },
    image: work.image,
    entrypoint: work.entrypoint,
    args: work.args,
    // As programs that trace themselves are usually told.
    env: { ...(traceparent && { TRACEPARENT: traceparent }) },
    inputs: work.inputs.map(({ path, knitId }) => ({ volume: volumeOf(knitId), path })),
    outputs: work.outputs.flatMap(({ path, knitId }) =>
      path === null ? [] : [{ volume: volumeOf(knitId), path }],
    ),
    ...(log && { logVolume: volumeOf(log.knitId) }),
    limits: resourceLimits(work.resources),
    network: work.annotations.some(
      ({ key, value }) => key === networkAnnotation.key && value === networkAnnotation.value,
    ),
    onNode: { may: [], prefer: [], must: [], ...work.onNode },
    ...(work.serviceAccount && { serviceAccount: work.serviceAccount }),
    ...(traceparent && { traceparent }),
  }
}
