import { Gauge, Registry } from 'prom-client'
import { readSystemState, type Measured } from '#shared/database/system-state.ts'
import { triggers } from '#shared/workflow/triggers.ts'
import type { World } from './context.ts'
import type { Fetch } from './health.ts'
import { systemMetrics } from './metric-table.ts'
import { metricsType, register } from './metrics.ts'
import { answer } from './web.ts'
import { within } from './within.ts'

type Told = Pick<World, 'sql' | 'metrics' | 'config' | 'log'>

/** How the metrics of a process are told: `/metrics` of whoever listens. */
export type TellMetrics = () => Promise<Response>

/** Answers `/metrics`, and nothing else. */
export const onlyMetrics =
  (tell: TellMetrics): Fetch =>
  ({ url }) =>
    new URL(url).pathname === '/metrics'
      ? tell()
      : answer('Here are metrics: GET /metrics.\n', { status: 404 })

type Options = {
  ofSystem: boolean
  /** Seconds the database may take; shorter than whoever asks waits. */
  patience?: number
}

/**
 * The metrics of this process, and of one process those of the whole system with them. One that its database does not answer
 * tells of itself all the same.
 */
export function tellMetrics(
  { sql, metrics, config, log }: Told,
  { ofSystem, patience = 5 }: Options,
): TellMetrics {
  let asked: Promise<Measured[]> | undefined
  const ask = () => readSystemState(sql, Object.keys(triggers), config.maxHookFailures)
  // However many want to know, and however long it takes: the database is asked once at a time.
  const answered = () => (asked ??= ask().finally(() => (asked = undefined)))

  async function ofAll(): Promise<string> {
    try {
      return await textOf([...(await within(patience, answered())), up(1)])
    } catch (error) {
      log.warn('the database could not be asked for metrics', { error })
      return textOf([up(0)])
    }
  }

  return async () => {
    const parts = await Promise.all([metrics.text(), ...(ofSystem ? [ofAll()] : [])])
    return answer(parts.join('\n'), { headers: { 'content-type': metricsType } })
  }
}

const up = (value: number): Measured => ({ name: 'knit_database_up', of: null, value })

function textOf(measured: readonly Measured[]): Promise<string> {
  const registry = new Registry()
  for (const [name, values] of Map.groupBy(measured, (one) => one.name)) {
    const metric = systemMetrics[name as keyof typeof systemMetrics]
    const gauge = register(registry, name, metric) as Gauge
    const [label = ''] = Object.keys(metric.labels)
    for (const { of, value } of values) gauge.set(of === null ? {} : { [label]: of }, value)
  }
  return registry.metrics()
}
