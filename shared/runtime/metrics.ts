import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { loadOf } from '#shared/database/pool.ts'
import type { Sql } from '#shared/database/sql.ts'
import manifest from '../../package.json' with { type: 'json' }
import {
  processMetrics,
  type CounterName,
  type HistogramName,
  type LabelsOf,
  type Metric,
} from './metric-table.ts'

/** What a process counts and times of what it does. */
export interface Metrics {
  /** Adds to a counter, one unless `by` says otherwise. */
  count<N extends CounterName>(name: N, labels: LabelsOf<N>, by?: number): void
  /** Adds what has taken from `since`, a time of `performance.now()`, until now. */
  time<N extends HistogramName>(name: N, labels: LabelsOf<N>, since: number): void
  /** All of it, in the text format of Prometheus. */
  text(): Promise<string>
}

/** The media type of that format. */
export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE

/** 2xx for 204: statuses as they are told. */
export const statusClass = (status: number): string => `${Math.trunc(status / 100)}xx`

/** What is told of the pools of a process, all of them together. */
const ofPools = {
  knit_database_connections_max: 'max',
  knit_database_connections_used: 'used',
  knit_database_waiting: 'waiting',
  knit_database_wait_seconds_total: 'waitedSeconds',
  knit_database_calls_total: 'calls',
} as const

/** The metrics of a process that has nothing counted yet; `pools` are those it has. */
export function createMetrics(...pools: Sql[]): Metrics {
  const registry = new Registry()
  const made = new Map(
    Object.entries(processMetrics).map(([name, metric]) => [
      name,
      register(registry, name, metric),
    ]),
  )
  const set = (name: keyof typeof processMetrics, value: number, labels = {}): void => {
    const metric = made.get(name)
    metric?.reset()
    if (metric instanceof Gauge) metric.set(labels, value)
    if (metric instanceof Counter) metric.inc(labels, value)
  }

  set('knit_build_info', 1, { version: manifest.version, node: process.versions.node })
  set('process_start_time_seconds', Math.round(performance.timeOrigin) / 1000)
  return {
    count: (name, labels, by) => (made.get(name) as Counter).inc(labels, by),
    time: (name, labels, since) =>
      (made.get(name) as Histogram).observe(labels, (performance.now() - since) / 1000),
    text() {
      const { user, system } = process.cpuUsage()
      set('process_cpu_seconds_total', (user + system) / 1e6)
      set('process_resident_memory_bytes', process.memoryUsage.rss())
      const loads = pools.flatMap((pool) => loadOf(pool) ?? [])
      if (loads.length > 0)
        for (const [name, part] of Object.entries(ofPools))
          set(
            name as keyof typeof ofPools,
            loads.reduce((sum, load) => sum + load[part], 0),
          )
      return registry.metrics()
    },
  }
}

/** A metric as the table has it. */
export function register(
  registry: Registry,
  name: string,
  { type, help, labels, buckets }: Metric,
): Counter | Gauge | Histogram {
  const config = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  if (type === 'counter') return new Counter(config)
  if (type === 'gauge') return new Gauge(config)
  return new Histogram({ ...config, buckets: [...(buckets ?? [])] })
}
