import type { WorkerSpec } from '#shared/domain/worker.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import { countWrites, describeWrites, writesBetween, type Writes } from './api-writes.ts'
import { bareClient, bareName, type BareClient } from './bare-client.ts'
import { applyNothing, pusher, untilIdle, workerOfNothing, type Nothing } from './cluster-runs.ts'
import { fakeNode, type FakeNode } from './fake-node.ts'
import { followWorkers, type Followed } from './follow-workers.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  ratioOf,
  spread,
  sum,
  timed,
  type Bench,
  type Benchmark,
  type Finding,
} from './harness.ts'
import { untilCounted } from './home.ts'
import { installation, missingCluster, type Installation } from './installation.ts'
import { describeUse, processorTimes } from './processes.ts'

const rounds = 5
const tag = 'bench:combined'
// Inputs that all ask for the same: there is a Run for every three Data, or every two.
const three = ['/in/1', '/in/2', '/in/3']
const two = three.slice(1)
// With more the API server makes Jobs no faster. Those that wait for their Pods are more at a time.
const makersAtOnce = 16
const cyclesAtOnce = 64
// How long Runs with real Pods come one burst after another.
const sustained = 180_000

export default {
  id: 'B12',
  what: 'Runs against a real API server, with a kubelet that pretends, beside a bare client (--runs N, of a round)',
  missing: missingCluster,
  async run(bench) {
    const there = await installation(bench)
    const scene: Scene = {
      there,
      followed: await followWorkers(bench, there),
      bare: await bareClient(bench, there),
      node: await fakeNode(bench, there),
      readWrites: await countWrites(bench, there),
      volumes: await pushAll(bench, there, Math.round(Math.cbrt(bench.options.runs ?? 216))),
    }
    const bursts: Burst[] = []
    const on_node = { must: [`${scene.node.label.key}=${scene.node.label.value}`] }
    const outputs = [{ path: '/out', tags: [] }]
    const samples = await alternate(rounds, {
      ours: async () => {
        // What makes each another plan.
        const args = [`round ${bursts.length}`]
        const burst = await burstOf(scene, { args, inputs: asking(three), outputs, on_node })
        bursts.push(burst)
        bench.say(`${burst.runs} Runs in ${(burst.took / 1000).toFixed(1)} s`)
        return burst.took
      },
      create: () => makeAll(scene),
      cycle: () => cycleAll(scene),
    })
    const real: Burst[] = []
    while (sum(real.map(({ took }) => took)) < sustained) {
      const args = [`burst ${real.length}`]
      const burst = await burstOf(scene, { args, inputs: asking(two), outputs, log: {} })
      real.push(burst)
      bench.say(`${burst.runs} Runs with real Pods in ${(burst.took / 1000).toFixed(1)} s`)
    }
    const counted = bursts.slice(1)
    return [
      rateOf(scene, counted, samples, real),
      writesOf('B12.writes', 'for a Run with one output', 1, counted),
      writesOf('B12.writes.log', 'for a Run with an output and a log, in a real Pod', 2, real),
    ]
  },
} satisfies Benchmark

type Scene = {
  there: Installation
  followed: Followed
  bare: BareClient
  node: FakeNode
  readWrites(): Promise<Writes>
  /** Those of the Data that are combined. */
  volumes: readonly string[]
}

const asking = (paths: readonly string[]) => paths.map((path) => ({ path, tags: [tag] }))

async function pushAll(bench: Bench, there: Installation, count: number): Promise<string[]> {
  const push = await pusher(bench, there)
  const volumes: string[] = []
  for (let i = 0; i < count; i += 1) volumes.push(volumeOf((await push(tag)).knitId))
  return volumes
}

/** Runs that all could begin at once, from the registration of their plan until the last of them was done. */
type Burst = {
  runs: number
  took: number
  /** Until the last of them had its Job. */
  untilJobs: number
  writes: Writes
  /** Who used the processors. */
  use: string
}

async function burstOf(scene: Scene, plan: Nothing): Promise<Burst> {
  const { there, followed, volumes, readWrites } = scene
  const runs = volumes.length ** (plan.inputs?.length ?? 0)
  await untilIdle(there)
  const before = await readWrites()
  const used = processorTimes()
  const start = performance.now()
  const planId = await applyNothing(there, plan)
  await untilCounted(there.sql, planId, runs)
  const took = performance.now() - start
  const use = describeUse(used, processorTimes(), took / 1000)
  await untilIdle(there)
  const writes = writesBetween(before, await readWrites())
  const made = await Promise.all(
    (await workersOf(there, planId, runs)).map((name) => followed.when(name, 'made')),
  )
  return { runs, took, untilJobs: Math.max(...made) - start, writes, use }
}

/** The workers of the Runs of a plan, which are so many and were all done at the first attempt. */
async function workersOf({ sql }: Installation, planId: string, runs: number): Promise<string[]> {
  const found = await sql<{ id: string; attempt: number; status: string }[]>`
    select id, attempt, status from run where plan_id = ${planId}`
  const good = found.filter(({ attempt, status }) => attempt === 1 && status === 'done')
  if (good.length !== runs || found.length !== runs)
    throw new Error(
      `of ${runs} Runs there are ${found.length}, and ${good.length} are done at once`,
    )
  return good.map(workerOf)
}

/** Jobs of the same shape as those of the bursts. */
const bareSpecs = ({ there, volumes, node }: Scene): WorkerSpec[] =>
  Array.from({ length: volumes.length ** three.length }, () => {
    const name = bareName('job')
    return workerOfNothing(there, {
      name,
      inputs: three.map((path, index) => ({ volume: volumes[index] ?? '', path })),
      outputs: [{ volume: `${name}-out`, path: '/out' }],
      onNode: { may: [], prefer: [], must: [node.label] },
    })
  })

/** Milliseconds in which a bare client makes Jobs, suspended, and does nothing else. */
async function makeAll(scene: Scene): Promise<number> {
  const { bare, followed } = scene
  const specs = bareSpecs(scene)
  const took = await timed(() => inLanes(specs, makersAtOnce, bare.makeJob))
  await bare.clear()
  for (const { name } of specs) await followed.when(name, 'gone')
  return took
}

/** The same with all that has to be done for a Run: its claim, its Job and the release of that, its Pod, and its end. */
async function cycleAll(scene: Scene): Promise<number> {
  const { bare, followed } = scene
  const took = await timed(() =>
    inLanes(bareSpecs(scene), cyclesAtOnce, async (spec) => {
      const { name, outputs } = spec
      for (const { volume } of outputs) await bare.makeClaim(volume)
      await bare.makeJob(spec)
      await bare.release(name)
      await followed.when(name, 'succeeded')
      await bare.remove(name)
      await followed.when(name, 'gone')
    }),
  )
  // Whoever deletes volumes would still be at it while the next are measured.
  await bare.clear()
  return took
}

async function inLanes<T>(
  all: readonly T[],
  lanes: number,
  work: (one: T) => Promise<unknown>,
): Promise<void> {
  const left = all.values()
  const lane = async () => {
    for (const one of left) await work(one)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

function rateOf(
  { node }: Scene,
  bursts: readonly Burst[],
  samples: Record<'ours' | 'create' | 'cycle', number[]>,
  real: readonly Burst[],
): Finding {
  const runs = bursts[0]?.runs ?? 0
  const aSecond = (times: readonly number[]) => times.map((ms) => (runs / ms) * 1000)
  const share = ratioOf(samples.create, samples.ours).ratio
  const realRuns = sum(real.map((burst) => burst.runs))
  const minutes = sum(real.map(({ took }) => took)) / 60_000
  return finding(
    {
      id: 'B12',
      what: `Runs done a second, in bursts of ${runs} that could begin at once`,
      unit: 'Runs/s',
    },
    spread(aSecond(samples.ours)),
    { text: '≥20, or ≥0.5 of the client', met: (rate) => rate >= 20 || share >= 0.5 },
    {
      'Runs in all': runs * bursts.length,
      'ours / Jobs that a bare client makes': share,
      'Jobs a second that a bare client makes, suspended': median(aSecond(samples.create)),
      'ours / claims and Jobs that a bare client makes, releases, sees succeed and deletes':
        ratioOf(samples.cycle, samples.ours).ratio,
      'of these, a second': median(aSecond(samples.cycle)),
      'Jobs of ours made a second': median(aSecond(bursts.map(({ untilJobs }) => untilJobs))),
      'Runs a minute, in a burst': median(aSecond(samples.ours)) * 60,
      [`Runs a minute with real Pods on this node, for ${minutes.toFixed(1)} minutes`]:
        realRuns / minutes,
      'bursts of these': `${real.length} of ${real[0]?.runs}`,
      'Pods the kubelet pretended to run': node.succeeded(),
      'who used the processors': bursts.at(-1)?.use ?? '',
    },
  )
}

/** A claim for each output, the log among them, and a Job that is made, released and deleted. */
const allowed = (outputs: number) => outputs + 3

function writesOf(id: string, ofWhat: string, outputs: number, bursts: readonly Burst[]): Finding {
  return finding(
    { id, what: `our writes to the API server ${ofWhat}`, unit: 'writes' },
    spread(bursts.map(({ writes, runs }) => writes.all / runs)),
    atMost(allowed(outputs)),
    {
      'of these': describeWrites(
        bursts.map(({ writes }) => writes),
        bursts[0]?.runs ?? 1,
      ),
    },
  )
}
