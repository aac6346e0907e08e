import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sql } from '#shared/database/sql.ts'
import {
  alternate,
  atLeast,
  finding,
  median,
  ratioOf,
  timed,
  type Bench,
  type Benchmark,
} from './harness.ts'
import {
  blackBox,
  blackBoxWith,
  chainOfPlans,
  databaseOf,
  pushSmall,
  smallFolder,
  untilCounted,
  type BlackBox,
} from './home.ts'
import { scale } from './population.ts'
import { processorTimeOf, runFor, treeOf } from './processes.ts'
import { sharesOfFile } from './profile.ts'
import { runcLoop } from './runc.ts'

const rounds = 5
const steps = 3
// As many as the step that starts Runs serves at a time.
const atOnce = 8
const line = 'cat /in/* > /out/text'

export default {
  id: 'B11',
  what: 'trivial Runs in a chain of three Plans in a local home, all there is to do known at the start (--runs N, of a round)',
  async run(bench) {
    const chains = Math.ceil((bench.options.runs ?? 1000 * scale) / steps)
    const runs = chains * steps
    const box = await blackBox(bench)
    const sql = databaseOf(bench, box)
    const containers = await runcLoop(bench, line)
    const used: { home: number; rest: number }[] = []
    let round = 0
    const samples = await alternate(rounds, {
      ours: async () => {
        round += 1
        const before = processorTimes(box)
        const took = await drainChains(box, sql, `embedded-${round}`, chains)
        const after = processorTimes(box)
        used.push({ home: after.home - before.home, rest: after.rest - before.rest })
        bench.say(`round ${round}: ${runs} Runs in ${(took / 1000).toFixed(1)} s`)
        return took
      },
      runc: () => containers.run(runs, atOnce),
      spawn: () =>
        timed(async () => {
          const left = Array.from({ length: runs }).values()
          const lane = async () => {
            for (const _ of left) await runFor('sh', ['-c', 'cat /dev/null'])
          }
          await Promise.all(Array.from({ length: atOnce }, lane))
        }),
    })
    const profile = await profileOfHome(bench, chains)
    const each = (ms: number[]) => median(ms) / runs
    const counted = used.slice(1)
    return [
      finding(
        {
          id: 'B11',
          what: `${runs} trivial Runs in a chain of three: time of a loop of runc run, ${atOnce} at a time / ours`,
          unit: '×',
        },
        ratioOf(samples.runc, samples.ours),
        atLeast(0.8),
        {
          peer: containers.version,
          'ours, ms for a Run': each(samples.ours),
          'runc run, ms': each(samples.runc),
          'bare shell, ms': each(samples.spawn),
          'of a Run, ms of processor in the process of the home':
            (median(counted.map(({ home }) => home)) / runs) * 1000,
          'of a Run, ms of processor in its database, supervisors and programs':
            (median(counted.map(({ rest }) => rest)) / runs) * 1000,
          'the process of the home': profile,
          processors: readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length ?? 0,
        },
      ),
    ]
  },
} satisfies Benchmark

/** Pushes data first, then registers the plans, the last of them first; milliseconds from the first of the chain to its last Run. */
async function drainChains(box: BlackBox, sql: Sql, name: string, chains: number): Promise<number> {
  const source = smallFolder(box)
  const tags = Array.from({ length: steps + 1 }, (_, step) => `${name}:${step}`)
  for (let i = 0; i < chains; i += 1) await pushSmall(box, source, tags[0] ?? '')
  const planIds: string[] = []
  for (let step = steps - 1; step > 0; step -= 1)
    planIds.push(...(await chainOfPlans(box.api, tags.slice(step, step + 2))))
  return timed(async () => {
    await chainOfPlans(box.api, tags.slice(0, 2))
    await untilCounted(sql, planIds[0] ?? '', chains)
  })
}

/** Where the process of a home spends its time on one more round: a home of its own, since being watched takes time. */
async function profileOfHome(bench: Bench, chains: number): Promise<string> {
  const folder = await bench.folder('profile')
  const node = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-name=home.cpuprofile']
  const box = await blackBoxWith(bench, { node })
  await drainChains(box, databaseOf(bench, box), 'profiled', chains)
  await box.running.stop()
  return sharesOfFile(join(folder, 'home.cpuprofile'))
}

/** What the home, and all it has started, have used so far, those that have ended among them. */
function processorTimes({ running: { pid } }: BlackBox): { home: number; rest: number } {
  const home = processorTimeOf([pid])
  return { home, rest: processorTimeOf(treeOf(pid)) + processorTimeOfEnded(pid) - home }
}

/** Seconds of the children that have ended and been waited for. */
function processorTimeOfEnded(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}
