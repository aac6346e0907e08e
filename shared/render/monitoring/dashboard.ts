import { type HistogramName } from '#shared/runtime/metric-table.ts'
import { most as mostOf, rate as rateOf, type Series } from './series.ts'

type Panel = {
  title: string
  /** A unit of Grafana. */
  unit?: string
  /** One big number, or lines over time unless said. */
  form?: 'stat' | 'timeseries'
  /** Expressions, each with the words of its legend. */
  shows: [expr: string, legend: string][]
}

// What is chosen above the panels, and the time that fits the interval of scrapes.
const here = 'namespace=~"$namespace"'
const over = '$__rate_interval'

const rate = (by: string, series: Series, ...matchers: string[]) =>
  rateOf(by, over, series, here, ...matchers)
const most = (by: string, series: Series, ...matchers: string[]) =>
  mostOf(by, series, here, ...matchers)
const quantile = (share: number, by: string, histogram: HistogramName) =>
  `histogram_quantile(${share}, ${rate(`le, ${by}`, `${histogram}_bucket`)})`

/** What is shown, row by row. */
const rows: Record<string, Panel[]> = {
  'At a glance': [
    { title: 'Database', form: 'stat', shows: [[most('namespace', 'knit_database_up'), 'up']] },
    {
      title: 'Runs that go on',
      form: 'stat',
      shows: [[`sum by (namespace) (${most('namespace, status', 'knit_runs')})`, 'runs']],
    },
    {
      title: 'Dead letters',
      form: 'stat',
      shows: [[`sum by (namespace) (${most('namespace, step', 'knit_dead_letters')})`, 'events']],
    },
    {
      title: 'Longest overdue run',
      form: 'stat',
      unit: 's',
      shows: [[most('namespace', 'knit_run_overdue_seconds'), 'overdue']],
    },
    {
      title: 'Plans that ask',
      form: 'stat',
      shows: [[most('namespace', 'knit_plans_paused'), 'plans']],
    },
    {
      title: 'Versions',
      form: 'stat',
      shows: [['count by (version) (knit_build_info{namespace=~"$namespace"})', '{{version}}']],
    },
  ],
  Runs: [
    { title: 'Runs that go on', shows: [[most('status', 'knit_runs'), '{{status}}']] },
    {
      title: 'Runs that end',
      unit: 'ops',
      shows: [
        [rate('event', 'knit_events_published_total', 'event=~"run.done|run.failed"'), '{{event}}'],
      ],
    },
    {
      title: 'Runs that have ended, about',
      shows: [[most('status', 'knit_runs_ended_estimate'), '{{status}}']],
    },
    {
      title: 'Overdue, the longest of each status',
      unit: 's',
      shows: [[most('status', 'knit_run_overdue_seconds'), '{{status}}']],
    },
    {
      title: 'Runs put off',
      unit: 'ops',
      shows: [[rate('step, cause', 'knit_runs_postponed_total'), '{{step}}: {{cause}}']],
    },
    {
      title: 'Claims that expired',
      unit: 'ops',
      shows: [[rate('step', 'knit_claims_expired_total'), '{{step}}']],
    },
  ],
  Events: [
    { title: 'What waits', shows: [[most('queue', 'knit_queue_items'), '{{queue}}']] },
    {
      title: 'For how long',
      unit: 's',
      shows: [[most('queue', 'knit_queue_oldest_seconds'), '{{queue}}']],
    },
    { title: 'Dead letters', shows: [[most('step', 'knit_dead_letters'), '{{step}}']] },
    {
      title: 'Published',
      unit: 'ops',
      shows: [[rate('event', 'knit_events_published_total'), '{{event}}']],
    },
    {
      title: 'Not taken by the broker, or given to steps past it',
      unit: 'ops',
      shows: [
        [rate('namespace', 'knit_publish_failures_total'), 'not taken'],
        [rate('event', 'knit_events_direct_total'), '{{event}} past the broker'],
      ],
    },
    {
      title: 'Found by the sweep',
      unit: 'ops',
      shows: [[rate('what', 'knit_sweep_found_total'), '{{what}}']],
    },
  ],
  Steps: [
    {
      title: 'Events served, or not',
      unit: 'ops',
      shows: [[rate('step, outcome', 'knit_step_duration_seconds_count'), '{{step}}: {{outcome}}']],
    },
    {
      title: 'Half of them are served within',
      unit: 's',
      shows: [[quantile(0.5, 'step', 'knit_step_duration_seconds'), '{{step}}']],
    },
    {
      title: '99 % are served within',
      unit: 's',
      shows: [[quantile(0.99, 'step', 'knit_step_duration_seconds'), '{{step}}']],
    },
  ],
  API: [
    {
      title: 'Requests',
      unit: 'reqps',
      shows: [
        [rate('route, status', 'knit_gateway_duration_seconds_count'), '{{route}}: {{status}}'],
      ],
    },
    {
      title: '99 % are answered by the gateway within',
      unit: 's',
      shows: [[quantile(0.99, 'route', 'knit_gateway_duration_seconds'), '{{route}}']],
    },
    {
      title: '99 % are answered by their function within',
      unit: 's',
      shows: [[quantile(0.99, 'route', 'knit_route_duration_seconds'), '{{route}}']],
    },
    {
      title: 'Bytes',
      unit: 'Bps',
      shows: [
        [rate('route', 'knit_received_bytes_total'), '{{route}} received'],
        [rate('route', 'knit_sent_bytes_total'), '{{route}} sent'],
      ],
    },
    {
      title: 'Calls of hooks',
      unit: 'ops',
      shows: [
        [rate('when, outcome', 'knit_hook_duration_seconds_count'), '{{when}}: {{outcome}}'],
        [most('namespace', 'knit_hook_calls_given_up'), 'given up, in all'],
      ],
    },
    {
      title: '99 % of hooks answer within',
      unit: 's',
      shows: [[quantile(0.99, 'when', 'knit_hook_duration_seconds'), '{{when}}']],
    },
  ],
  Processes: [
    {
      title: 'Connections to the database that are used',
      shows: [
        [`sum by (function) (knit_database_connections_used{${here}})`, '{{function}}'],
        [most('namespace', 'knit_database_server_connections'), 'of the server'],
        [most('namespace', 'knit_database_server_connections_max'), 'of the server, at the most'],
      ],
    },
    {
      title: 'Statements that wait for a connection',
      shows: [[rate('function', 'knit_database_wait_seconds_total'), '{{function}}']],
    },
    {
      title: 'Statements and transactions',
      unit: 'ops',
      shows: [[rate('function', 'knit_database_calls_total'), '{{function}}']],
    },
    {
      title: 'Memory',
      unit: 'bytes',
      shows: [[`sum by (function) (process_resident_memory_bytes{${here}})`, '{{function}}']],
    },
    {
      title: 'Processors',
      shows: [[rate('function', 'process_cpu_seconds_total'), '{{function}}']],
    },
    {
      title: 'Processes',
      shows: [[`count by (function) (knit_build_info{${here}})`, '{{function}}']],
    },
  ],
}

const datasource = { type: 'prometheus', uid: '${datasource}' }
const perLine = { stat: 6, timeseries: 3 }
const width = 24

/** The dashboard of Grafana. */
export function dashboard(): string {
  return JSON.stringify({
    uid: 'knitfab',
    title: 'Knitfab',
    tags: ['knitfab'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: variables },
    panels: Object.entries(rows).flatMap(([title, panels], index) => rowOf(title, panels, index)),
  })
}

const variables = [
  { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
  {
    name: 'namespace',
    label: 'Namespace',
    type: 'query',
    datasource,
    query: { query: 'label_values(knit_build_info, namespace)', refId: 'namespaces' },
    refresh: 2,
    includeAll: true,
    // Also those that have none: a home on one machine.
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  },
]

// Higher than any row is: each begins below the one before, and Grafana closes the gaps.
const rowHeight = 100

function rowOf(title: string, panels: Panel[], index: number): object[] {
  const top = index * rowHeight
  const row = {
    type: 'row',
    title,
    id: top + 1,
    gridPos: { x: 0, y: top, w: width, h: 1 },
    panels: [],
  }
  return [row, ...panels.map((panel, place) => panelOf(panel, top, place))]
}

function panelOf(
  { title, unit = 'short', form = 'timeseries', shows }: Panel,
  top: number,
  place: number,
) {
  const count = perLine[form]
  const size = { w: width / count, h: form === 'stat' ? 4 : 8 }
  return {
    id: top + 2 + place,
    type: form,
    title,
    datasource,
    gridPos: {
      x: (place % count) * size.w,
      y: top + 1 + Math.trunc(place / count) * size.h,
      ...size,
    },
    fieldConfig: { defaults: { unit, ...(form === 'timeseries' && { min: 0 }) }, overrides: [] },
    targets: shows.map(([expr, legendFormat], letter) => ({
      refId: String.fromCodePoint('A'.charCodeAt(0) + letter),
      datasource,
      expr,
      legendFormat,
    })),
  }
}
