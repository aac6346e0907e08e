import { availableParallelism } from 'node:os'
import { Misused, runProgram } from '#shared/runtime/command-line.ts'
import { startTestPostgres } from '#tests/support/global-postgres.ts'
import { bugs, isBug } from './bugs.ts'
import { playSchedules, type Wish } from './lanes.ts'
import type { Result } from './simulation.ts'

const usage = `Usage: npm run simulate -- [--schedules N] [--seed N] [--lanes N] [--trace] [--bug NAME]

Plays schedules from a seed on, and ends with the first in which something is wrong.

  --schedules N  how many; default: 200
  --seed N       the first; default: 1
  --lanes N      how many at a time; default: one for each processor
  --trace        show every step
  --bug NAME     with an engine that is broken; one of:
${Object.keys(bugs)
  .map((name) => `                   ${name}\n`)
  .join('')}  --help         show this
`

const options = {
  schedules: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  lanes: { type: 'string', default: String(availableParallelism()) },
  bug: { type: 'string' },
  trace: { type: 'boolean', default: false },
} as const

type Values = { schedules: string; seed: string; lanes: string; bug?: string; trace: boolean }

async function simulate(values: Values): Promise<number> {
  const [schedules = 0, seed = 0, lanes = 0] = [values.schedules, values.seed, values.lanes].map(
    Number,
  )
  if (![schedules, seed, lanes].every((number) => Number.isSafeInteger(number) && number > 0))
    throw new Misused(
      'How many schedules and lanes, and the first seed, are whole numbers above zero.',
    )
  if (values.bug !== undefined && !isBug(values.bug))
    throw new Misused(`There is no bug “${values.bug}”; --help says which there are.`)
  const seeds = Array.from({ length: schedules }, (_, index) => seed + index)
  return play({ seeds, lanes: Math.min(lanes, schedules), bug: values.bug }, values.trace)
}

async function play(wish: Wish, withTrace: boolean): Promise<number> {
  const server = await startTestPostgres()
  const begun = performance.now()
  let played = 0
  const failed: Result[] = []
  try {
    await playSchedules(server, wish, (result) => {
      played += 1
      if (withTrace) console.log(result.trace.join('\n'))
      if (result.wrong.length > 0) failed.push(result)
      else if (played % 100 === 0) console.log(`${played} schedules, up to seed ${result.seed}`)
      return failed.length > 0
    })
  } finally {
    await server.stop()
  }
  for (const result of failed) explain(result, wish.bug)
  const seconds = (performance.now() - begun) / 1000
  console.log(`${played} schedules in ${seconds.toFixed(1)} s, ${failed.length} of them failed`)
  return failed.length > 0 ? 1 : 0
}

function explain({ seed, wrong, trace, digest }: Result, bug: string | undefined): void {
  const more = bug === undefined ? '' : ` --bug '${bug}'`
  console.error(`seed ${seed} fails after ${trace.length} steps (trace ${digest}):`)
  for (const line of wrong) console.error(`  ${line}`)
  console.error(`See every step: npm run simulate -- --schedules 1 --seed ${seed} --trace${more}`)
}

process.exitCode = await runProgram({ usage, options, run: simulate })
