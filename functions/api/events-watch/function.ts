import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
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
import { Cursor } from './cursor.ts'

type Wish = QueryOf<typeof events.watch>

// Longer than any transaction takes that moves a run.
const settling = 30
const batch = 500
// As proxies end lines of which nothing comes.
const silence = 15_000

/** Tells of moves of runs as long as somebody listens. */
export default defineRoute(
  events.watch,
  async ({ query, request, bindings }, ctx) => {
    const seen = idIn(request.headers.get('last-event-id') ?? query.after)
    const begin =
      seen === undefined
        ? await lastRunEvent(ctx.sql)
        : await runEventBefore(ctx.sql, seen, settling)
    const told = tell(ctx, query, new Cursor(begin, settling), request.signal)
    return streamResponse(Readable.from(told), bindings, {
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

async function* tell(
  { sql, config }: Context,
  wish: Wish,
  cursor: Cursor,
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield 'retry: 1000\n\n'
  let lastWord = performance.now()
  while (!signal.aborted) {
    const { settled, known } = cursor.behind
    const moves = await readRunEvents(sql, settled, known, batch)
    cursor.told(moves)
    const text = moves
      .filter((move) => isWanted(move, wish))
      .map(textOf)
      .join('')
    if (text !== '' || performance.now() - lastWord > silence) {
      yield text || ': nothing new\n\n'
      lastWord = performance.now()
    }
    if (moves.length < batch) await pause(config.watchInterval * 1000, undefined, { ref: false })
  }
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
