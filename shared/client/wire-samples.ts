import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanSummary } from '#shared/domain/plan-summary.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunSummary } from '#shared/domain/run-summary.ts'
import type { RunDetail } from '#shared/domain/run.ts'

/** For tests: things in the shape in which servers send them, with ids made of a letter and a number. */

const time = '2025-01-02T03:04:05.678+00:00'

/** `idOf('m1')` is a UUID in which the name can be seen. */
export const idOf = (name: string): string =>
  `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padStart(12, '0')}`

export const planSummary = (name: string, image?: string): PlanSummary => ({
  planId: idOf(name),
  ...(image ? { image } : { name: 'knit#uploaded' }),
})

type RunPoints = { inputs?: [string, string][]; outputs?: [string, string][]; log?: string }

export function sampleRun(
  name: string,
  { inputs = [], outputs = [], log }: RunPoints,
  summary: Partial<RunSummary> = {},
): RunDetail {
  const points = (list: [string, string][]) =>
    list.map(([path, data]) => ({ path, tags: [], knitId: idOf(data) }))
  return {
    runId: idOf(name),
    status: 'done',
    updatedAt: time,
    plan: planSummary(`plan ${name}`.slice(-6)),
    ...summary,
    inputs: points(inputs),
    outputs: points(outputs),
    log: log ? { tags: [], knitId: idOf(log) } : null,
  }
}

export function sampleData(
  name: string,
  maker: RunDetail,
  users: RunDetail[] = [],
  tags: string[] = [],
): DataDetail {
  const mountpoint = { path: '/upload', tags: [] }
  return {
    knitId: idOf(name),
    tags: [`knit#id:${idOf(name)}`, `knit#timestamp:${time}`, ...tags],
    upstream: { mountpoint, run: summaryOf(maker) },
    downstreams: users.map((run) => ({ mountpoint, run: summaryOf(run) })),
    nomination: [],
  }
}

export function samplePlan(name: string, detail: Partial<PlanDetail> = {}): PlanDetail {
  return {
    ...planSummary(name, `reg.test/${name}:v1`),
    inputs: [{ path: '/in', tags: ['type:a'], upstreams: [] }],
    outputs: [{ path: '/out', tags: [], downstreams: [] }],
    active: true,
    ...detail,
  }
}

const summaryOf = ({ runId, status, updatedAt, plan }: RunDetail): RunSummary => ({
  runId,
  status,
  updatedAt,
  plan,
})
