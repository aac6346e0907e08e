import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'
import { isAway } from '#shared/client/api-error.ts'
import type { CallOptions } from '#shared/client/api.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { runs } from '#shared/contracts/runs.ts'
import { KnitId, PlanId } from '#shared/domain/ids.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { isEnded, runStatuses } from '#shared/domain/run-states.ts'
import { api, onAway } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { bounded } from '../../bounded.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, UsageError } from '../../failure.ts'
import { spanText, WaitSpan } from '../../formats.ts'
import { note, Printer } from '../../output.ts'
import { whyOf } from '../../runs/why.ts'

const shortest = 200
const longest = 5000
const mostCounted = 100
const mostNamed = 10

/** The statuses before the end, or at it; what is left of a run that was deleted is waited for by nobody. */
const statuses = (atEnd: boolean): string =>
  runStatuses.filter((status) => isEnded(status) === atEnd && status !== 'invalidated').join()

export default command({
  about: 'Wait until runs have ended; fails when one of them did not succeed.',
  examples: [
    'knit run wait RUN_ID',
    'knit run wait --planid PLAN_ID --output table',
    'knit run wait --in-knitid KNIT_ID --timeout 1h',
  ],
  args: {
    runId: positional(z.array(runs.show.params.shape.runId).default([]).describe('Ids of runs.')),
    planid: flag(
      z
        .array(PlanId)
        .default([])
        .describe('Wait until there is a run of this plan, and until all that it has have ended.'),
      { short: 'p', hint: 'PLAN_ID' },
    ),
    'in-knitid': flag(
      z
        .array(KnitId)
        .default([])
        .describe('Wait until a run reads this data, and until all that read it have ended.'),
      { short: 'i', hint: 'KNIT_ID' },
    ),
    timeout: flag(
      WaitSpan.optional().describe(
        'Fail, and say where they stand, when it takes longer: 30m, 2h.',
      ),
      { hint: 'SPAN' },
    ),
    ...outputArgs,
  },
  async run({ runId: runIds, planid: planIds, 'in-knitid': knitIds, ...args }, ctx) {
    if (runIds.length + planIds.length + knitIds.length === 0)
      throw new UsageError('RUN_ID, --planid or --in-knitid is missing')
    const whenAway = onAway(ctx)
    const client = api(ctx, whenAway)
    const patient = { ...ctx, server: onceThere(whenAway) }
    const over = await inTime(args.timeout, patient, (vigil) => [
      ...runIds.map((runId) => endOf(client, runId, vigil)),
      ...planIds.map((plan) => endOfAll(client, { plan }, vigil)),
      ...knitIds.map((knitIdInput) => endOfAll(client, { knitIdInput }, vigil)),
    ])
    const failed: string[] = []
    let [more, look] = [0, '']
    using printer = new Printer(ctx, args, runColumns)
    for await (const run of eachOf(over, ctx)) {
      printer.add(run)
      if (run.status === 'done') continue
      look ||= whereToLook(run)
      if (failed.length < mostNamed) failed.push(standing(run))
      else more += 1
    }
    if (more > 0) failed.push(`and ${more} more`)
    if (failed.length > 0) throw new Failure(failed.join('; '), look)
  },
})

/** What has ended, as it comes: there may be very many. */
type Ended = (options: CallOptions) => Iterable<RunDetail> | AsyncIterable<RunDetail>

/** One that was named and is of a plan that was named, too, is still one. */
async function* eachOf(over: Ended[], ctx: Context): AsyncGenerator<RunDetail> {
  const seen = new Set<string>()
  for (const ended of over)
    for await (const run of ended(ctx)) {
      if (!seen.has(run.runId)) yield run
      seen.add(run.runId)
    }
}

type Patient = Context & { server: ReturnType<typeof onceThere> }

/** Asks once for what is waited for: undefined unless that has ended. */
type Ask = () => Promise<Ended | undefined>

/** What is waited for: where it stands, under the command that shows it; and how all of it is asked for, a few at a time. */
type Vigil = Patient & {
  standings: Map<string, string>
  inTurn: (ask: Ask) => ReturnType<Ask>
}

/** What all of them wait for, unless that takes longer than so many seconds; none waits on when another has failed. */
async function inTime(
  seconds: number | undefined,
  ctx: Patient,
  begin: (vigil: Vigil) => Promise<Ended>[],
): Promise<Ended[]> {
  const over = new AbortController()
  const deadline = seconds === undefined ? undefined : AbortSignal.timeout(seconds * 1000)
  const signal = AbortSignal.any([ctx.signal, over.signal, ...(deadline ? [deadline] : [])])
  const standings = new Map<string, string>()
  try {
    const inTurn = bounded((ask: Ask) => ask())
    return await Promise.all(begin({ ...ctx, signal, standings, inTurn }))
  } catch (error) {
    if (!deadline?.aborted || ctx.signal.aborted) throw error
    const [look = ''] = standings.keys()
    const stands = [...standings.values()].join('; ')
    throw new Failure(`not over after ${spanText((seconds ?? 0) * 1000)}: ${stands}`, look, {
      cause: error,
    })
  } finally {
    over.abort()
  }
}

/** The run once it has ended. */
function endOf(client: KnitApi, runId: string, vigil: Vigil): Promise<Ended> {
  const look = `knit run show ${runId} --output table`
  return polled({ name: `run ${runId}`, look }, vigil, async (isNews) => {
    const run = await client.call(runs.show, { runId }, vigil)
    if (isEnded(run.status)) return () => [run]
    isNews(run.status, standing(run))
    return undefined
  })
}

/**
 * The runs of a plan, or those that read a data, once there are some and all have ended. Until then no more is asked for than shows that
 * they have not: there may be very many.
 */
function endOfAll(
  client: KnitApi,
  query: { plan: string } | { knitIdInput: string },
  vigil: Vigil,
): Promise<Ended> {
  const [name, filter] =
    'plan' in query
      ? [`plan ${query.plan}`, `--planid ${query.plan}`]
      : [`data ${query.knitIdInput}`, `--in-knitid ${query.knitIdInput}`]
  const look = `knit run find ${filter} --output table`
  const [before, atEnd] = [statuses(false), statuses(true)]
  const count = (status: string, limit: number): Promise<number> =>
    countUpTo(limit, client.list(runs.find, { ...query, status, limit }, vigil))
  let hasAny = false
  return polled({ name, look }, vigil, async (isNews) => {
    // Asked first: of several that begin in between, one might end before the others are looked for.
    hasAny ||= (await count(atEnd, 1)) > 0
    const left = await count(before, mostCounted)
    if (hasAny && left === 0)
      return (options) => client.list(runs.find, { ...query, status: atEnd }, options)
    const told = left === 0 ? 'no run yet' : `runs still to end: ${countText(left)}`
    isNews(told, `${name}: ${told}`)
    return undefined
  })
}

const countText = (count: number): string =>
  count < mostCounted ? `${count}` : `${mostCounted} or more`

/** Servers of the reference implementation know no limit. */
async function countUpTo(limit: number, things: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of things) {
    count += 1
    if (count === limit) break
  }
  return count
}

/**
 * Looks again and again until there is something: often at first, then less and less, and often again when something has moved. What
 * is told is told when it is news.
 */
async function polled(
  { name, look }: { name: string; look: string },
  vigil: Vigil,
  ask: (isNews: (moved: string, told: string) => void) => ReturnType<Ask>,
): Promise<Ended> {
  vigil.standings.set(look, `${name}: the server has not answered yet`)
  let seen = { moved: '', told: '' }
  for (let wait = shortest; ; wait = Math.min(wait * 1.5, longest)) {
    try {
      const isNews = (moved: string, told: string) => {
        if (told !== seen.told) note(vigil, told)
        if (moved !== seen.moved) wait = shortest
        seen = { moved, told }
        vigil.standings.set(look, told)
      }
      const found = await vigil.inTurn(() => ask(isNews))
      vigil.server.answers()
      if (found !== undefined) {
        vigil.standings.delete(look)
        return found
      }
    } catch (error) {
      const why = vigil.server.isAway(error)
      vigil.standings.set(look, `${seen.told || name}; ${why}`)
    }
    await pause(wait, undefined, vigil)
  }
}

/** A server that has answered once is waited for until it is back, however long it is away, which is told each time. */
function onceThere(tell: ReturnType<typeof onAway>) {
  let is: 'unknown' | 'there' | 'away' = 'unknown'
  return {
    answers: () => void (is = 'there'),
    /** Why it does not answer. Throws the error where waiting is no help. */
    isAway(error: unknown): string {
      if (is === 'unknown' || !isAway(error)) throw error
      if (is === 'there') tell(error, Infinity)
      is = 'away'
      return error.message
    },
  }
}

/** The log tells of a program that began; of others, and where there is none, it is the run that does. */
function whereToLook({ runId, status, log, attempts, startedAt }: RunDetail): string {
  const began = attempts === undefined || startedAt !== undefined
  // Who deletes a run deletes its log.
  const isThere = status !== 'invalidated'
  return log && began && isThere
    ? `knit run show --log ${runId}`
    : `knit run show ${runId} --output table`
}

/** Where a run is, and why as far as the server says. */
const standing = (run: RunDetail): string =>
  [`run ${run.runId}`, run.status, whyOf(run)].filter(Boolean).join(': ')
