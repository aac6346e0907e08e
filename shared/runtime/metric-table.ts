/** A number that is told: what it says, and what each of its labels does. */
export type Metric<Label extends string = string> = {
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  labels: Readonly<Record<Label, string>>
  /** Upper bounds of a histogram, in seconds. */
  buckets?: readonly number[]
}

const counter = <const L extends Record<string, string>>(help: string, labels = {} as L) =>
  ({ type: 'counter', help, labels }) as const

const gauge = <const L extends Record<string, string>>(help: string, labels = {} as L) =>
  ({ type: 'gauge', help, labels }) as const

// From what a warm function takes to what a patient client waits.
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const histogram = <const L extends Record<string, string>>(help: string, labels: L) =>
  ({ type: 'histogram', help, labels, buckets }) as const

const route = 'the route by its contract: `runs.show`'
const status = '`2xx`, `4xx`, `5xx`'
const step = 'the step'
const event = 'the event: `run.ready`'

/** What each process knows of itself. */
export const processMetrics = {
  knit_build_info: gauge('Always 1; its labels say what runs.', {
    version: 'the version of Knitfab',
    node: 'the version of Node',
  }),
  process_start_time_seconds: gauge('When the process began, in seconds since 1970.'),
  process_cpu_seconds_total: counter('Seconds of processors that the process has used.'),
  process_resident_memory_bytes: gauge('Memory that the process has.'),

  knit_gateway_duration_seconds: histogram(
    'From a request to the gateway until its answer was passed on; of what is streamed, in a cluster, with the stream.',
    { route: `${route}; \`none\` where there is none`, status },
  ),
  knit_route_duration_seconds: histogram('From a request to a route until its answer began.', {
    route,
    status,
  }),
  knit_received_bytes_total: counter('Bytes of archives that came, as they came.', { route }),
  knit_sent_bytes_total: counter(
    'Bytes of archives, files, logs and long lists that were sent, as they went.',
    {
      route,
    },
  ),

  knit_step_duration_seconds: histogram(
    'From an event to a step until it was served, or was not.',
    {
      step,
      outcome:
        '`served`; `failed`, to be delivered again; `given-up`, a dead letter; `refused`, no event of ours',
    },
  ),
  knit_runs_postponed_total: counter('Runs that a step could not serve and put off.', {
    step,
    cause: '`step`: it failed; `hook`: a hook did not agree',
  }),
  knit_claims_expired_total: counter(
    'Claims taken over because whoever held them was silent for longer than their lease: it died, or was paused.',
    { step: 'the step that took over' },
  ),
  knit_sweep_found_total: counter(
    'What the sweep found to do that no event had led to; a running program is looked at now and then, that is no fault.',
    { what: 'the event that was told again, `outbox` for events left there, `stale-worker`' },
  ),
  knit_events_direct_total: counter(
    'Events given to their steps past the broker, which did not work or did not deliver.',
    { event },
  ),
  knit_events_published_total: counter('Events that the broker took from the outbox.', { event }),
  knit_publish_failures_total: counter('Attempts to publish that the broker did not take.'),
  knit_hook_duration_seconds: histogram('What calls of lifecycle hooks took.', {
    when: '`before`, `after`',
    outcome: '`taken`, `failed`',
  }),

  knit_database_connections_max: gauge('Connections that the pool of the process may have.'),
  knit_database_connections_used: gauge('Connections of the pool that are being used.'),
  knit_database_waiting: gauge('Statements and transactions that wait for a connection.'),
  knit_database_wait_seconds_total: counter(
    'Seconds that statements and transactions have waited for a connection, added up.',
  ),
  knit_database_calls_total: counter('Statements, and transactions as one, that were begun.'),
} as const satisfies Record<string, Metric>

/** What is true of the whole system: one function asks the database for it, when it is asked itself. */
export const systemMetrics = {
  knit_database_up: gauge(
    '1 when the database answered what follows, else 0, and nothing follows.',
  ),
  knit_runs: gauge('Runs that have not ended.', { status: 'the status' }),
  knit_runs_ended_estimate: gauge(
    'Runs that have ended, about: from the statistics of the planner, for counting them all is dear.',
    { status: '`done`, `failed`, `invalidated`; one that hardly any run has is left out' },
  ),
  knit_run_overdue_seconds: gauge(
    'For how long that run of a status has been due that has been due for the longest and that nobody serves.',
    { status: '`ready`, `starting`, `completing`, `aborting`' },
  ),
  knit_plans_paused: gauge('Plans that would create too many runs, and ask.'),
  knit_queue_items: gauge('What waits to be served; up to 10,000 are counted.', {
    queue: '`outbox`, `match`, `projection`, `hooks`, `garbage`',
  }),
  knit_queue_oldest_seconds: gauge('For how long what has waited for the longest has been due.', {
    queue: '`outbox`, `match`, `hooks`, `garbage`',
  }),
  knit_dead_letters: gauge('Events that no delivery helped; up to 10,000 a step are counted.', {
    step: 'the step that did not serve them',
  }),
  knit_hook_calls_given_up: gauge(
    'Calls of after-hooks that failed too often; up to 10,000 are counted.',
  ),
  knit_database_server_connections: gauge('Connections that the server of the database has.'),
  knit_database_server_connections_max: gauge('Connections that it takes at the most.'),
} as const satisfies Record<string, Metric>

/** THE table of metrics. */
export const metrics: Record<string, Metric> = { ...processMetrics, ...systemMetrics }

type Table = typeof processMetrics
type NameOf<T extends Metric['type']> = {
  [N in keyof Table]: Table[N]['type'] extends T ? N : never
}[keyof Table]

export type CounterName = NameOf<'counter'>
export type HistogramName = NameOf<'histogram'>
/** The labels of a metric, all of them. */
export type LabelsOf<N extends keyof Table> = Record<keyof Table[N]['labels'] & string, string>
