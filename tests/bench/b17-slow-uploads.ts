import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import {
  atMost,
  finding,
  median,
  quantile,
  ratioOf,
  rounded,
  roundsAtLeast,
  sum,
  timed,
  type Bench,
  type Benchmark,
  type Finding,
} from './harness.ts'
import { blackBox, chainOfPlans, pushSmall, smallFolder, type BlackBox } from './home.ts'
import { scale } from './population.ts'
import { kill, memoryOf } from './processes.ts'

const uploads = 200
const seconds = Math.max(2, 20 * scale)
// Between two requests of the normal traffic.
const pause = 10

export default {
  id: 'B17',
  what: 'what others wait for while 200 uploads come at 1 KiB a second each',
  async run(bench) {
    const home = await blackBox(bench)
    const archive = join(home.folder, 'archive')
    mkdirSync(archive)
    writeFileSync(join(archive, 'noise'), randomBytes(2 ** 20))
    const traffic = await trafficTo(home)
    const [alone, beside]: [number[][], number[][]] = [[], []]
    const rates: number[] = []
    for (let round = 0; round <= roundsAtLeast; round += 1) {
      const without = await traffic()
      const slow = await beginUploads(bench, home, archive)
      const [with200, rate] = await slow.during(traffic)
      await slow.end()
      // The first warms up.
      if (round === 0) continue
      alone.push(without)
      beside.push(with200)
      rates.push(rate)
    }
    return [judge(alone, beside, rates, memoryOf(home.running.pid, 'VmHWM'))]
  },
} satisfies Benchmark

/** What people and scripts ask for, one request after another whether the last was answered or not: how long each took, in ms. */
async function trafficTo(home: BlackBox): Promise<() => Promise<number[]>> {
  const { api } = home
  const [planId = ''] = await chainOfPlans(api, ['bench:raw', 'bench:copy'])
  const source = smallFolder(home)
  const { knitId } = await pushSmall(home, source, 'bench:normal')
  const kinds = [
    () => api.call(data.find, { tag: ['bench:normal'], limit: 20 }),
    () => api.call(runs.find, { limit: 20 }),
    () => api.call(plans.show, { planId }),
    () => api.call(data.show, { knitId }),
    () => api.call(data.tag, { knitId, body: { add: ['bench:tagged'] } }),
  ]
  let turn = 0
  const next = () => {
    turn += 1
    const kind = kinds[turn % kinds.length]
    // Every twentieth pushes a small folder.
    return turn % 20 === 0 || !kind ? pushSmall(home, source, 'bench:normal') : kind()
  }
  return async () => {
    const taken: Promise<number>[] = []
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      taken.push(timed(next))
      await wait(pause)
    }
    return Promise.all(taken)
  }
}

type Sent = { bytes: number; answered: number }

/** Begins the uploads, by a process of their own, and waits until all of them are in progress. */
async function beginUploads(bench: Bench, { api, running }: BlackBox, archive: string) {
  const program = join(import.meta.dirname, 'slow-uploads.ts')
  const child = fork(program, [running.apiRoot, archive, String(uploads)])
  bench.onEnd(() => kill(child))
  const inProgress = async () =>
    (await api.call(data.find, { tag: ['bench:slow', 'knit#transient:processing'] })).length
  const sent = async (): Promise<Sent> => {
    child.send('how much?')
    const [told] = (await once(child, 'message')) as [Sent]
    return told
  }
  while ((await inProgress()) < uploads) await wait(100)
  return {
    /** What `work` gives back, with the KiB a second of each upload meanwhile. */
    async during<T>(work: () => Promise<T>): Promise<[T, number]> {
      const [before, since] = [await sent(), performance.now()]
      const result = await work()
      const { bytes, answered } = await sent()
      const open = await inProgress()
      if (answered > 0 || open !== uploads)
        throw new Error(`of ${uploads} uploads ${open} are in progress, ${answered} were answered`)
      const elapsed = (performance.now() - since) / 1000
      return [result, (bytes - before.bytes) / 1024 / uploads / elapsed]
    },
    async end(): Promise<void> {
      await kill(child)
      while ((await inProgress()) > 0) await wait(100)
    },
  }
}

function judge(
  alone: readonly number[][],
  beside: readonly number[][],
  rates: readonly number[],
  memory: number,
): Finding {
  const each = (samples: readonly number[][], q: number) =>
    samples.map((round) => quantile(round, q))
  const told = (samples: readonly number[][]) =>
    `p50 ${rounded(median(each(samples, 0.5)))}, p99 ${rounded(median(each(samples, 0.99)))}`
  return finding(
    { id: 'B17', what: 'p99 of normal requests: beside 200 slow uploads / without', unit: '×' },
    ratioOf(each(beside, 0.99), each(alone, 0.99)),
    atMost(1.5),
    {
      'without, ms': told(alone),
      'beside them, ms': told(beside),
      'requests without': sum(alone.map(({ length }) => length)),
      'requests beside them': sum(beside.map(({ length }) => length)),
      'KiB a second of each upload': rounded(median(rates)),
      'memory of the home at most, MiB': rounded(memory),
    },
  )
}
