import { eventName } from '#shared/contracts/events.ts'
import type { MilestoneName, RunHistory } from '#shared/domain/run-history.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import {
  chainOfNothing,
  lastHistories,
  pusher,
  timeOf,
  untilIdle,
  untilJob,
} from './cluster-runs.ts'
import { fromZero } from './from-zero.ts'
import { atMost, finding, median, quantile, spread, type Benchmark } from './harness.ts'
import { installation, missingCluster } from './installation.ts'
import { startProbe } from './probe.ts'
import type { Seen } from './prober.ts'

const steps = 3
// So many that there is one in a hundred.
const unasked = 102

export default {
  id: 'B10',
  what: 'from Data that is done to the Job of the Run that reads it: events delivered, and time (--runs N)',
  missing: missingCluster,
  async run(bench) {
    const rounds = Math.ceil((bench.options.runs ?? unasked) / steps)
    const there = await installation(bench)
    const probe = await startProbe(bench, there)
    const push = await pusher(bench, there)
    const tag = 'bench-hot'
    const planIds = await chainOfNothing(there, tag, steps)
    let pushes = 0
    const pushOne = async () => {
      const { upstream } = await push(`${tag}:0`)
      pushes += 1
      return { from: upstream.run.runId, chain: await lastHistories(there, planIds, pushes) }
    }
    const ways: string[][] = []
    const histories: RunHistory[] = []
    let all: Seen[] = []
    let known = 0
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      const { from, chain } = await pushOne()
      await untilIdle(there)
      const seen = await probe.seen()
      all = seen.slice(known)
      known = seen.length
      bench.say(`round ${round}: ${chain.map(untilJob).join(', ')} ms until the Jobs`)
      if (round === 0) continue
      histories.push(...chain)
      for (const [step, { runId }] of chain.entries()) {
        const maker = chain[step - 1]?.runId ?? from
        const way = deliveries(all, { from: maker, planId: planIds[step] ?? '', runId })
        if (way.length === 0) throw new Error(`no event was seen on the way to ${runId}`)
        ways.push(way)
      }
    }
    const cold = await fromZero(bench, there, async () => (await pushOne()).chain[0])
    const times = histories.map(untilJob)
    return [
      finding(
        {
          id: 'B10',
          what: 'deliveries of events from Data done to Job created',
          unit: 'deliveries',
        },
        spread(ways.map(({ length }) => length)),
        atMost(4),
        {
          'of the last Run': ways.at(-1)?.join(', ') ?? '',
          'all deliveries of a push and three Runs, without changes of Jobs and Pods':
            all.flatMap(stepsOf).length,
          'changes of Jobs and Pods of three Runs': all.filter(({ type }) => !nameOf(type)).length,
        },
      ),
      finding(
        { id: 'B10.warm', what: 'commit of Data to Job created, functions warm, p50', unit: 'ms' },
        spread(times),
        atMost(250),
        {
          Runs: times.length,
          'where it goes, ms': parts(histories),
          'from zero, ms': median(cold),
        },
      ),
      finding(
        { id: 'B10.warm.p99', what: 'the same, p99', unit: 'ms' },
        { ...spread(times), ratio: quantile(times, 0.99) },
        atMost(1000),
        { 'p95, ms': quantile(times, 0.95) },
      ),
    ]
  },
} satisfies Benchmark

const nameOf = (type: string) => eventName(type)

/** The steps that an event was delivered to. */
function stepsOf({ type }: Seen): string[] {
  const name = nameOf(type)
  return name ? stepsFor(name).map((step) => `${name} → ${step}`) : []
}

/** What was delivered for a Run to get its Job: that its Data was ready, all that was told of its plan, and that it was ready itself. */
function deliveries(
  seen: readonly Seen[],
  { from, planId, runId }: { from: string; planId: string; runId: string },
): string[] {
  return seen
    .filter(({ type, subject }) => {
      const name = nameOf(type)
      return (
        (name === 'data.ready' && subject === from) ||
        (name === 'run.ready' && subject === runId) ||
        subject === planId
      )
    })
    .flatMap(stepsOf)
}

const path: readonly MilestoneName[] = [
  'ready',
  'matched',
  'projected',
  'admitted',
  'volumes-made',
  'worker-created',
]

/** Milliseconds to each milestone from the one before. */
const parts = (histories: readonly RunHistory[]): string =>
  path
    .slice(1)
    .map((name, index) => {
      const before = path[index] ?? name
      const took = histories.map((history) => timeOf(history, name) - timeOf(history, before))
      return `${name} ${median(took)}`
    })
    .join(', ')
