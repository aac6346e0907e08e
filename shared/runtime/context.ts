import type { Config } from './config.ts'
import type { Metrics } from './metrics.ts'
import type { Relay } from './relay.ts'
import type { Clock } from '#shared/ports/clock.ts'
import type { Cluster, ClusterCall, Transfers } from '#shared/ports/cluster.ts'
import type { EventBus } from '#shared/ports/event-bus.ts'
import type { KeptLogs } from '#shared/ports/kept-logs.ts'
import type { Log } from '#shared/ports/log.ts'
import type { Span, SpanOptions, Tracer } from '#shared/ports/tracer.ts'
import {
  begin,
  persistently,
  type Sql,
  type TransactionOptions,
  type Tx,
} from '#shared/database/sql.ts'
import type { By } from '#shared/database/outbox.ts'
import { only } from './only.ts'
import { traceId } from './trace.ts'
import { during } from './tracer.ts'

/** The world as functions see it: interfaces, chosen once by whoever starts them. */
export type World = {
  config: Config
  sql: Sql
  /** The pool of those who only read, whose statements may not take long. Absent where there is one pool. */
  reads?: Sql
  bus: EventBus
  /** Past the broker, straight to the steps; absent where there is no broker that could fail. */
  direct?: EventBus
  cluster: Cluster
  transfers: Transfers
  clock: Clock
  log: Log
  /** Absent where logs are kept by others. */
  logs?: KeptLogs
  metrics: Metrics
  tracer: Tracer
  /** Publishes what transactions recorded; woken after each commit. */
  relay: Relay
}

/** The world for one request or event: with who acts, and a log that says which. */
export type Context = World &
  UnderSpan & {
    requestId: string
  }

/** What is done belongs to a span: what it changes, tells and calls follows that. */
type UnderSpan = {
  span: Span
  by: By
  /** Does some work under a span of its own. */
  inSpan<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
  /** Runs `work` in one transaction, and publishes what it told once it has committed. */
  begin<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** The same for a single statement, which needs no transaction around it. */
  execute<T>(statement: (sql: Sql) => Promise<T>): Promise<T>
}

export function contextFor(
  world: World,
  {
    uses = [],
    actor,
    span,
    ...call
  }: {
    actor: string
    span: Span
    requestId: string
    log: Log
    uses?: readonly ClusterCall[] | undefined
  },
): Context {
  return {
    ...world,
    ...call,
    cluster: only(world.cluster, ['capacity', ...(uses as (keyof Cluster)[])]),
    transfers: only(world.transfers, uses as (keyof Transfers)[]),
    ...underSpan(world, actor, span),
  }
}

/** The same under another span, in the trace of which its log is as well. */
export const withSpan = (ctx: Context, span: Span): Context => ({
  ...ctx,
  log: ctx.log.child({ trace: traceId(span.traceparent) }),
  ...underSpan(ctx, ctx.by.actor, span),
})

function underSpan(world: World, actor: string, span: Span): UnderSpan {
  const { traceparent, isRecorded } = span
  return {
    span,
    by: { actor, traceparent, ...(isRecorded && { isTraced: true as const }) },
    inSpan(name, options, work) {
      span.need()
      return during(world.tracer.start(name, { ...options, parent: traceparent }), work)
    },
    async begin(work, options) {
      span.need()
      const began = performance.now()
      const result = await begin(world.sql, work, options)
      world.relay.wake(began)
      return result
    },
    async execute(statement) {
      span.need()
      const began = performance.now()
      const result = await persistently(() => statement(world.sql))
      world.relay.wake(began)
      return result
    },
  }
}
