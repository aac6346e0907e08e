import type { RunHistory } from '#shared/domain/run-history.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import { bareClient, bareName, type BareClient } from './bare-client.ts'
import {
  chainOfNothing,
  lastHistories,
  pusher,
  timeOf,
  untilIdle,
  untilJob,
  workerOfNothing,
} from './cluster-runs.ts'
import { followWorkers, describeParts, type Followed } from './follow-workers.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  spread,
  sum,
  type Benchmark,
  type Facts,
} from './harness.ts'
import { installation, missingCluster, type Installation } from './installation.ts'
import { secondsByTimers } from './reference.ts'

const rounds = 5
const steps = 5
const few = 3

export default {
  id: 'B13',
  what: `${steps} Plans in a row whose program does nothing, beside bare Jobs of the same shape`,
  missing: missingCluster,
  async run(bench) {
    const there = await installation(bench)
    const followed = await followWorkers(bench, there)
    const bare = await bareClient(bench, there)
    const push = await pusher(bench, there)
    const tag = 'bench-steps'
    const first = volumeOf((await push(`${tag}:bare`)).knitId)
    const planIds = await chainOfNothing(there, tag, steps)
    let pushes = 0
    const chains: Chain[] = []
    const bareChains: BareStep[][] = []
    const samples = await alternate(rounds, {
      ours: async () => {
        await push(`${tag}:0`)
        pushes += 1
        const histories = await lastHistories(there, planIds, pushes)
        await untilIdle(there)
        const chain = {
          until: histories.map((history) => sinceFirst(histories, history)),
          histories,
        }
        chains.push(chain)
        return chain.until.at(-1) ?? Number.NaN
      },
      bare: async () => {
        const made = await bareChain(there, bare, followed, first)
        bareChains.push(made)
        await bare.clear()
        return sum(made.map(({ took }) => took))
      },
    })
    // The first of each warmed up.
    const ours = chains.slice(1)
    const theirs = bareChains.slice(1)
    const beyond = (count: number, part: 'start' | 'took') =>
      ours.map(({ until }, round) => {
        const bare = sum((theirs[round] ?? []).slice(0, count).map((step) => step[part]))
        return ((until[count - 1] ?? Number.NaN) - bare) / count
      })
    const workers = ours.flatMap(({ histories }) =>
      histories.map(({ runId }) => followed.timesOf(workerOf({ id: runId, attempt: 1 }))),
    )
    const facts = {
      'ours, ms': median(samples.ours),
      'bare, ms': median(samples.bare),
      'start of a Pod: from the release of a bare Job until its program has begun, ms': median(
        theirs.flat().map(({ start }) => start),
      ),
      'from one Run that is done to the Job of the next, ms': median(
        ours.flatMap(({ histories }) => histories.slice(1).map(untilJob)),
      ),
      'where the time of a step of ours goes, ms': describeParts(workers),
      'where that of a bare one goes, ms': describeParts(
        theirs.flat().map(({ name }) => followed.timesOf(name)),
      ),
    }
    const findingsOf = (count: number, of: string, more: Facts) => [
      finding(
        {
          id: `B13${of}`,
          what: `${count} steps − the starts of their Pods, as those of bare Jobs of the same shape, a step`,
          unit: 'ms',
        },
        spread(beyond(count, 'start')),
        atMost(300),
        { ...more, "the reference's timers, ms": secondsByTimers * 1000 * count },
      ),
      finding(
        {
          id: `B13${of}.bare`,
          what: `${count} steps − bare claims and Jobs of the same shape until their Pods have succeeded, a step`,
          unit: 'ms',
        },
        spread(beyond(count, 'took')),
        atMost(300),
        {},
      ),
    ]
    const untilFew = median(ours.map(({ until }) => until[few - 1] ?? Number.NaN))
    return [...findingsOf(steps, '', facts), ...findingsOf(few, '.three', { 'ours, ms': untilFew })]
  },
} satisfies Benchmark

/** Milliseconds from the commit of what was pushed until each Run was done. */
type Chain = { until: number[]; histories: RunHistory[] }

const sinceFirst = ([first]: readonly RunHistory[], history: RunHistory): number =>
  timeOf(history, 'published') - (first ? timeOf(first, 'ready') : Number.NaN)

type BareStep = { name: string; took: number; start: number }

/** What has to be done all the same: claims, a suspended Job, its release, and to wait for its Pod, step after step. */
async function bareChain(
  there: Installation,
  bare: BareClient,
  followed: Followed,
  first: string,
): Promise<BareStep[]> {
  const made: BareStep[] = []
  let input = first
  for (let step = 0; step < steps; step += 1) {
    const [name, output, logVolume] = [bareName('job'), bareName('out'), bareName('log')]
    const start = performance.now()
    await Promise.all([bare.makeClaim(output), bare.makeClaim(logVolume)])
    const spec = {
      name,
      inputs: [{ volume: input, path: '/in' }],
      outputs: [{ volume: output, path: '/out' }],
      logVolume,
    }
    await bare.makeJob(workerOfNothing(there, spec))
    await bare.release(name)
    const end = await followed.when(name, 'succeeded')
    const times = followed.timesOf(name)
    const began = times.get('begun') ?? Number.NaN
    made.push({ name, took: end - start, start: began - (times.get('released') ?? Number.NaN) })
    input = output
  }
  return made
}
