import { stringify } from 'yaml'
import { container } from '../knative/services.ts'
import { increase, most, rate } from './series.ts'

/** Something an admin should hear of. In the words, `{{ … }}` is filled in by Prometheus. */
export type Alert = {
  expr: string
  /** How long it has to be so before anybody is told. */
  for: string
  severity: 'critical' | 'warning' | 'info'
  what: string
  /** What to do, with the command. */
  todo: string
}

/** THE table of alerts. */
export const alerts: Record<string, Alert> = {
  KnitDatabaseDown: {
    expr: `${most('namespace', 'knit_database_up')} == 0`,
    for: '1m',
    severity: 'critical',
    what: 'The database does not answer. Requests are refused with 503; nothing is lost.',
    todo: 'See whether PostgreSQL runs, has room on its disk and takes connections: `kubectl -n {{ $labels.namespace }} get pods,pvc`, then its log. Functions go on by themselves once it answers.',
  },
  KnitUnobserved: {
    // Of one release among several; and where nothing is told at all.
    expr: `count by (namespace) (knit_build_info) unless ${most('namespace', 'knit_database_up')} or absent(knit_build_info)`,
    for: '5m',
    severity: 'critical',
    what: 'Nobody tells of the whole system: the sweep does not run, or is not scraped.',
    todo: 'See whether it is ready, with `kubectl get ksvc --all-namespaces --field-selector metadata.name=step-sweep`, and whether Prometheus reaches its port for metrics. Then `knit admin check`.',
  },
  KnitDeadLetters: {
    expr: `${most('namespace, step', 'knit_dead_letters')} > 0`,
    for: '1m',
    severity: 'warning',
    what: 'The step {{ $labels.step }} has given up {{ $value }} events.',
    todo: 'Read why with `knit admin events --dead`. Once the cause is mended, `knit admin events replay ID` has one delivered again, and `knit admin events drop ID` forgets it; those whose work is done are gone by themselves.',
  },
  KnitWorkStandsStill: {
    expr: `${most('namespace, status', 'knit_run_overdue_seconds')} > 120`,
    for: '2m',
    severity: 'critical',
    what: 'A run that is {{ $labels.status }} has been due for {{ $value | humanizeDuration }}, and nobody serves it.',
    todo: 'Find it with `knit run find --status {{ $labels.status }}`, and what it waits for with `knit run show --history ID`. Then see whether the steps run: `kubectl -n {{ $labels.namespace }} get ksvc`, and the log of the one that serves this status.',
  },
  KnitEventsWait: {
    expr: `${most('namespace', 'knit_queue_oldest_seconds', 'queue="outbox"')} > 120`,
    for: '2m',
    severity: 'warning',
    what: 'Events have waited to be published for {{ $value | humanizeDuration }}: the broker does not take them. Work goes on, woken by the sweep.',
    todo: 'List them with `knit admin events`, and see what the broker says: `kubectl -n {{ $labels.namespace }} describe broker`.',
  },
  KnitWorkWaits: {
    expr: `${most('namespace, queue', 'knit_queue_oldest_seconds', 'queue!="outbox"')} > 900`,
    for: '5m',
    severity: 'warning',
    what: 'What waits in the queue {{ $labels.queue }} has been due for {{ $value | humanizeDuration }}.',
    todo: 'See `knit admin check`; of hooks also `knit admin hooks --open`, of garbage `knit admin garbage --stuck`. Then the log of the step: match-data, call-hooks or collect-garbage.',
  },
  KnitBrokerDeliversNothing: {
    expr: `${rate('namespace', '10m', 'knit_events_direct_total')} > 0`,
    for: '10m',
    severity: 'warning',
    what: 'Events are given to their steps past the broker, which takes them and does not deliver, or does not take them.',
    todo: 'See whether its triggers are ready: `kubectl -n {{ $labels.namespace }} get broker,trigger`. Meanwhile each step waits for the sweep; `knit admin events` lists what was not published.',
  },
  KnitStepFails: {
    expr: `${rate('namespace, step', '10m', 'knit_step_duration_seconds_count', 'outcome=~"failed|given-up"')} / ${rate('namespace, step', '10m', 'knit_step_duration_seconds_count')} > 0.1`,
    for: '10m',
    severity: 'warning',
    what: 'The step {{ $labels.step }} fails at {{ $value | humanizePercentage }} of its events.',
    todo: `Read why in its log: \`kubectl -n {{ $labels.namespace }} logs -l app.kubernetes.io/component=step-{{ $labels.step }} -c ${container}\`. What it gives up is in \`knit admin events --dead\`.`,
  },
  KnitRunsPostponed: {
    expr: `${increase('namespace, step, cause', '15m', 'knit_runs_postponed_total')} > 10`,
    for: '15m',
    severity: 'warning',
    what: 'The step {{ $labels.step }} has put off runs {{ $value | humanize }} times in 15 minutes; the cause is the {{ $labels.cause }}.',
    todo: 'Each run says why: `knit run find --status waiting,ready,starting,running,completing,aborting`, then `knit run show ID`. Of hooks also `knit admin hooks --open`.',
  },
  KnitClaimsExpire: {
    expr: `${increase('namespace, step', '15m', 'knit_claims_expired_total')} > 3`,
    for: '0m',
    severity: 'warning',
    what: 'The step {{ $labels.step }} has taken over {{ $value | humanize }} claims in 15 minutes: whoever held them died or was paused.',
    todo: 'Look for Pods that are killed, for memory or by their node: `kubectl -n {{ $labels.namespace }} get pods,events`. Nothing took effect twice; `knit admin check` confirms it.',
  },
  KnitRequestsFail: {
    expr: `${rate('namespace, route', '5m', 'knit_gateway_duration_seconds_count', 'status="5xx"')} / ${rate('namespace, route', '5m', 'knit_gateway_duration_seconds_count')} > 0.05`,
    for: '10m',
    severity: 'warning',
    what: '{{ $value | humanizePercentage }} of the requests to {{ $labels.route }} fail.',
    todo: 'Ask it once, for an answer in words: `knit data find`, `knit run find`, `knit plan find`. The log of the function has the details under the id of the request.',
  },
  KnitHookCallsGivenUp: {
    expr: `${most('namespace', 'knit_hook_calls_given_up')} > 0`,
    for: '1m',
    severity: 'warning',
    what: '{{ $value }} calls of after-hooks have failed so often that they are not made any more.',
    todo: 'Read which and why with `knit admin hooks --open`; they are kept for `KNIT_KEEP_HOOK_CALLS` days.',
  },
  KnitPlansPaused: {
    expr: `${most('namespace', 'knit_plans_paused')} > 0`,
    for: '15m',
    severity: 'info',
    what: '{{ $value }} plans would create very many runs and ask first.',
    todo: 'Find them with `knit plan find --output table` (ACTIVE is paused); `knit plan active yes PLAN --allow N` lets one go on.',
  },
  KnitPoolTooSmall: {
    expr: `${rate('namespace, function', '5m', 'knit_database_wait_seconds_total')} > 1`,
    for: '10m',
    severity: 'warning',
    what: 'Of {{ $labels.function }}, {{ $value | humanize }} statements wait for a connection to the database at any time.',
    todo: 'See whether the database is slow. If it is not, raise `databaseConnections` in the settings of the chart (`KNIT_DATABASE_CONNECTIONS`), within what the server takes. `knit admin check` tells whether work is late for it.',
  },
  KnitDatabaseNearlyFull: {
    expr: `${most('namespace', 'knit_database_server_connections')} / ${most('namespace', 'knit_database_server_connections_max')} > 0.9`,
    for: '5m',
    severity: 'warning',
    what: 'The database has {{ $value | humanizePercentage }} of the connections it takes; functions that find none answer 503.',
    todo: 'Raise `max_connections` of the server (`postgres.settings` of the chart), or lower `databaseConnections`, or `maxScale` of the functions that have most. `knit admin check` tells whether work is late for it.',
  },
}

/** The alerts as rules of Prometheus. */
export function alertRules(): string {
  const rules = Object.entries(alerts).map(
    ([alert, { expr, for: patience, severity, what, todo }]) => ({
      alert,
      expr,
      for: patience,
      labels: { severity },
      annotations: { summary: what, description: todo },
    }),
  )
  const text = stringify({ groups: [{ name: 'knitfab', rules }] }, { lineWidth: 0 })
  return `# Generated from shared/render/monitoring/alerts.ts by \`npm run generate\`.\n${text}`
}

/** The alerts as a table of Markdown. */
export function alertsTable(): string {
  const plain = (text: string): string =>
    text.replace(/\{\{ \$(?:labels\.)?(\w+)[^}]*\}\}/g, (_, name: string) =>
      name === 'value' ? 'N' : name.toUpperCase(),
    )
  const rows = Object.entries(alerts).map(
    ([name, { severity, what, todo }]) =>
      `| \`${name}\` | ${severity} | ${plain(what)} | ${plain(todo)} |`,
  )
  return [
    '| alert | severity | what happened | what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}
