import { writeFileSync } from 'node:fs'
import { Misused, runProgram } from '#shared/runtime/command-line.ts'
import { benchmarks } from './benchmarks.ts'
import {
  undoAll,
  withBench,
  type Bench,
  type Benchmark,
  type BenchOptions,
  type Finding,
} from './harness.ts'
import { scale } from './population.ts'
import { printFinding, writeReport, type Table } from './report.ts'

const usage = `Usage: npm run bench -- [--list] [--runs N] [--json FILE] [ID...]

Measures the system: all benchmarks, or those that are named. All of them rewrite the table in tests/bench/README.md, and so does the soak of 10^5 Runs its own.

  --list       say which there are
  --runs N     how many Runs a benchmark makes that has a choice
  --json FILE  write what was found to FILE as well
  --help       show this
`

const options = {
  list: { type: 'boolean' },
  json: { type: 'string' },
  runs: { type: 'string' },
} as const

async function bench(
  values: { list?: boolean; json?: string; runs?: string },
  ids: string[],
): Promise<number> {
  if (values.list) {
    for (const { id, what } of benchmarks) console.log(`${id.padEnd(6)} ${what}`)
    return 0
  }
  const chosen = benchmarks.filter(({ id }) => ids.length === 0 || ids.includes(id))
  const unknown = ids.filter((id) => !benchmarks.some((benchmark) => benchmark.id === id))
  if (unknown.length > 0)
    throw new Misused(`There is no benchmark ${unknown.join(', ')}; --list says which there are.`)
  const runs = values.runs === undefined ? undefined : Number(values.runs)
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
    throw new Misused(`--runs takes a number of Runs, not ${values.runs}`)
  const { findings, skipped } = await runAll(chosen, runs === undefined ? {} : { runs })
  if (values.json) writeFileSync(values.json, `${JSON.stringify(findings, null, 2)}\n`)
  const table = tableOf(ids, runs)
  if (table && scale === 1) await writeReport(table, findings)
  // A target that is missed is a result; only a benchmark that breaks is a failure, or one that was asked for by name and cannot be.
  const left = ids.length === 0 ? skipped : 0
  return new Set(findings.map(({ id }) => id.split('.')[0])).size + left < chosen.length ? 1 : 0
}

/** The table of the README that is written anew by this. */
function tableOf(ids: readonly string[], runs: number | undefined): Table | undefined {
  if (ids.length === 0) return runs === undefined ? 'results' : undefined
  return ids.join() === 'B7' && (runs ?? 0) >= 1e5 ? 'soak' : undefined
}

type Outcome = { findings: Finding[]; skipped: number }

async function runAll(chosen: readonly Benchmark[], options: BenchOptions): Promise<Outcome> {
  return withBench(async (outer) => {
    const outcome: Outcome = { findings: [], skipped: 0 }
    for (const benchmark of chosen) {
      const { id, what } = benchmark
      console.log(`${id}: ${what}`)
      const why = benchmark.missing?.()
      if (why === undefined) outcome.findings.push(...(await runOne(benchmark, options, outer)))
      else {
        console.log(`  not run: ${why}`)
        outcome.skipped += 1
      }
    }
    return outcome
  })
}

/** What was found; nothing when it broke, which is no reason not to run the others. */
async function runOne(
  benchmark: Benchmark,
  options: BenchOptions,
  outer: Bench,
): Promise<Finding[]> {
  const start = performance.now()
  try {
    const findings = await withBench((bench) => benchmark.run(bench), options, outer)
    findings.forEach(printFinding)
    return findings
  } catch (error) {
    console.error(`  ${benchmark.id} broke:`, error)
    return []
  } finally {
    console.log(`  took ${Math.round((performance.now() - start) / 1000)} s`)
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undoAll().finally(() => process.exit(1)))

process.exitCode = await runProgram({ usage, options, takesWords: true, run: bench })
