import { parseArgs } from 'node:util'
import { weather } from './storm/weather.ts'

/** `npm run faults -- --minutes N --seed S`: storm after storm, each on a new home, until the time is over or one has failed. */
async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } },
  })
  const end = performance.now() + Number(values.minutes) * 60_000
  const first = values.seed ?? String(Math.floor(Math.random() * 1e6))
  for (let seed = Number(first); seed === Number(first) || performance.now() < end; seed += 1) {
    const began = performance.now()
    const say = (line: string) =>
      console.log(`  ${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`)
    console.log(`storm ${seed}`)
    try {
      await weather(String(seed), say)
    } catch (error) {
      console.error(error)
      console.error(`\nThe storm ${seed} broke something.\nAgain: npm run faults -- --seed ${seed}`)
      return 1
    }
  }
  return 0
}

process.exitCode = await main(process.argv.slice(2))
