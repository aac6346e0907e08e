import { alternate, atLeast, finding, median, ratioOf, timed, type Benchmark } from './harness.ts'
import { blackBox, chainOfPlans, pushSmall, smallFolder, untilDone } from './home.ts'
import { runFor } from './processes.ts'
import { secondsByTimers } from './reference.ts'

const rounds = 7

/**
 * What three steps take by the reference's timers, in seconds, if everything else took no time. On average they take longer:
 * of each step 10.5 until its Job is created and 26 from its end until that has been noticed and the Run is done.
 */
const modelled = 3 * secondsByTimers
const onAverage = 3 * (10.5 + 26)

export default {
  id: 'chain',
  what: 'three Plans in a row: from a push over HTTP to the end of the third Run',
  async run(bench) {
    const box = await blackBox(bench)
    const planIds = await chainOfPlans(box.api, ['chain:0', 'chain:1', 'chain:2', 'chain:3'])
    const source = smallFolder(box)
    const last = planIds.at(-1) ?? ''
    let pushed = 0
    const samples = await alternate(rounds, {
      ours: () =>
        timed(async () => {
          pushed += 1
          await pushSmall(box, source, 'chain:0')
          await untilDone(box.api, last, pushed)
        }),
      shells: () =>
        timed(async () => {
          for (const _ of planIds) await runFor('sh', ['-c', 'cat /dev/null'])
        }),
    })
    return [
      finding(
        { id: 'chain', what: `the reference's timers (${modelled} s) / ours`, unit: '×' },
        ratioOf(
          samples.ours.map(() => modelled * 1000),
          samples.ours,
        ),
        atLeast(modelled / 1.3),
        {
          'ours, ms': median(samples.ours),
          'three bare shells, ms': median(samples.shells),
          'average by its timers, s': onAverage,
        },
      ),
    ]
  },
} satisfies Benchmark
