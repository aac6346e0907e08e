import { atLeast, finding, spread, timed, type Benchmark } from './harness.ts'
import { blackBox, chainOfPlans, pushSmall, smallFolder, untilDone } from './home.ts'

const rounds = 5
const pushes = 100
const pushers = 4

export default {
  id: 'burst',
  what: `${pushes} Data pushed at once into three Plans in a row: Runs a minute`,
  async run(bench) {
    const box = await blackBox(bench)
    const planIds = await chainOfPlans(box.api, ['burst:0', 'burst:1', 'burst:2', 'burst:3'])
    const source = smallFolder(box)
    const rates: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      const took = await timed(async () => {
        const one = async () => {
          for (let i = 0; i < pushes / pushers; i += 1) await pushSmall(box, source, 'burst:0')
        }
        await Promise.all(Array.from({ length: pushers }, one))
        for (const planId of planIds) await untilDone(box.api, planId, round * pushes)
      })
      rates.push((planIds.length * pushes) / (took / 60_000))
      bench.say(`round ${round}: ${planIds.length * pushes} Runs in ${(took / 1000).toFixed(1)} s`)
    }
    return [
      finding(
        { id: 'burst', what: `${planIds.length * pushes} Runs, pushes included`, unit: 'Runs/min' },
        spread(rates),
        atLeast(300),
        { 'starts a minute by the timers of the reference': 10 },
      ),
    ]
  },
} satisfies Benchmark
