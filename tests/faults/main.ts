import { Misused, runProgram } from '#shared/runtime/command-line.ts'
import { weather } from './storm/weather.ts'

const usage = `Usage: npm run faults -- [--minutes N] [--seed S]

Storm after storm, each on a new home, until the time is over or one has failed.

  --minutes N  how long; one storm at least; default: 1
  --seed S     number of the first storm; default: any
  --help       show this
`

const options = {
  minutes: { type: 'string', default: '1' },
  seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
} as const

async function storms(values: { minutes: string; seed: string }): Promise<number> {
  const [minutes = 0, first = 0] = [values.minutes, values.seed].map(Number)
  if (!(minutes >= 0 && Number.isSafeInteger(first)))
    throw new Misused('The minutes, and the seed, are numbers.')
  const end = performance.now() + minutes * 60_000
  for (let seed = first; seed === first || performance.now() < end; seed += 1) {
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

process.exitCode = await runProgram({ usage, options, run: storms })
