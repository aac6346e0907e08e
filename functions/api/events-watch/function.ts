import { Readable } from 'node:stream'
import type { QueryOf } from '#shared/contracts/route.ts'
import { events } from '#shared/contracts/watch.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { formatTime } from '#shared/domain/time.ts'
import {
  lastRunEvent,
  readRunEvents,
  runEventBefore,
  type RunEvent,
} from '#shared/database/run-events.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { jsonText } from '#shared/runtime/respond.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'
import { Cursor, settling } from './cursor.ts'
import type { Subscription } from './subscription.ts'
import { batch, tailOf } from './tail.ts'

type Wish = QueryOf<typeof events.watch>

// As proxies end lines of which nothing comes.
const silence = 15_000

/** Tells of moves of runs as long as somebody listens. */
export default defineRoute(
  events.watch,
  async ({ query, request, bindings }, ctx) => {
    const seen = idIn(request.headers.get('last-event-id') ?? query.after)
    const listener = await begin(ctx, seen, request.signal)
    return streamResponse(Readable.from(tell(ctx, query, listener)), bindings, {
      type: 'text/event-stream',
      headers: { 'cache-control': 'no-store' },
      log: ctx.log,
      count: (bytes) =>
        ctx.metrics.count('knit_sent_bytes_total', { route: events.watch.name }, bytes),
      patience: ctx.config.uploadLease,
    })
  },
  { as: 'deployment' },
)

function idIn(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new Problem('bad-request', `"Last-Event-ID" should be that of an event, not "${text}".`)
}

/** Somebody who listens: what they know, and whether they have to read for themselves what was told before. */
type Listener = { subscription: Subscription; cursor: Cursor; isBehind: boolean }

async function begin(
  ctx: Context,
  seen: number | undefined,
  signal: AbortSignal,
): Promise<Listener> {
  const { sql } = ctx
  const subscription = tailOf(ctx).listen(signal)
  try {
    // Only then is it known that nothing is missed between what was and what is heard.
    await subscription.isOpen
    const isBehind = seen !== undefined
    const from = isBehind ? await runEventBefore(sql, seen, settling) : await lastRunEvent(sql)
    return { subscription, cursor: new Cursor(from, settling), isBehind }
  } catch (error) {
    subscription.close()
    throw error
  }
}

async function* tell({ sql }: Context, wish: Wish, listener: Listener): AsyncGenerator<string> {
  const { subscription, cursor } = listener
  let { isBehind } = listener
  yield 'retry: 1000\n\n'
  let lastWord = performance.now()
  while (!subscription.isClosed) {
    const quiet = performance.now() - lastWord
    const moves = isBehind ? await missed(sql, cursor) : await subscription.next(silence - quiet)
    isBehind = moves === undefined || (isBehind && moves.length === batch)
    const news = (moves ?? []).filter(({ id }) => !cursor.knows(id))
    cursor.told(news)
    const text = news
      .filter((move) => isWanted(move, wish))
      .map(textOf)
      .join('')
    if (text !== '' || performance.now() - lastWord >= silence) {
      yield text || ': nothing new\n\n'
      lastWord = performance.now()
    }
  }
}

function missed(sql: Context['sql'], cursor: Cursor): Promise<RunEvent[]> {
  const { settled, known } = cursor.behind
  return readRunEvents(sql, settled, known, batch)
}

const isWanted = ({ planId, runId, status }: RunEvent, wish: Wish): boolean =>
  (wish.plan?.includes(planId ?? '') ?? true) &&
  (wish.run?.includes(runId) ?? true) &&
  (wish.status?.includes(status) ?? true)

function textOf({ id, planId, from, at, reason, ...move }: RunEvent): string {
  const data = {
    ...move,
    ...(planId !== null && { planId }),
    ...(from !== null && { from }),
    at: formatTime(at),
    ...(reason !== null && { reason }),
  }
  return `id: ${id}\nevent: run\ndata: ${jsonText(data, false)}\n`
}
