import { writeFileSync } from 'node:fs'
import { Misused, runProgram } from '#shared/runtime/command-line.ts'
import { benchmarks, ofCluster, ofMachine } from './benchmarks.ts'
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

Measures the system: all benchmarks, or those that are named. All of them rewrite the tables in tests/bench/README.md; those of a cluster, and the soak of 10^5 Runs, rewrite theirs.

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
  // What was found is kept whatever becomes of what all of them share.
  const { skipped, broken } = await withBench(async (outer) => {
    const outcome = await runAll(chosen, runs === undefined ? {} : { runs }, outer)
    if (values.json) writeFileSync(values.json, `${JSON.stringify(outcome.findings, null, 2)}\n`)
    for (const [table, shown] of scale === 1 ? tablesOf(ids, runs) : []) {
      const rows = outcome.findings.filter((row) => shown.some(({ id }) => id === idOf(row)))
      const broken = shown.flatMap(({ id }) => (outcome.broken.includes(id) ? [id] : []))
      if (rows.length > 0) await writeReport(table, rows, broken)
    }
    return outcome
  })
  // A target that is missed is a result; only a benchmark that breaks is a failure, or one that was asked for by name and cannot be.
  return broken.length + (ids.length === 0 ? 0 : skipped) > 0 ? 1 : 0
}

/** Of the benchmark that a finding is of. */
const idOf = ({ id }: Finding) => id.split('.')[0]

/** The tables of the README that are written anew by this, and which benchmarks they show. */
function tablesOf(
  ids: readonly string[],
  runs: number | undefined,
): [Table, readonly Benchmark[]][] {
  if (ids.join() === 'B7' && (runs ?? 0) >= 1e5) return [['soak', benchmarks]]
  if (runs !== undefined) return []
  const tables: [Table, readonly Benchmark[]][] = [
    ['results', ofMachine],
    ['cluster', ofCluster],
  ]
  return tables.filter(([, shown]) => ids.length === 0 || shown.every(({ id }) => ids.includes(id)))
}

type Outcome = { findings: Finding[]; skipped: number; broken: string[] }

async function runAll(
  chosen: readonly Benchmark[],
  options: BenchOptions,
  outer: Bench,
): Promise<Outcome> {
  const outcome: Outcome = { findings: [], skipped: 0, broken: [] }
  for (const benchmark of chosen) {
    console.log(`${benchmark.id}: ${benchmark.what}`)
    const why = benchmark.missing?.()
    if (why === undefined) {
      const { findings, broke } = await runOne(benchmark, options, outer)
      outcome.findings.push(...findings)
      if (broke) outcome.broken.push(benchmark.id)
    } else {
      console.log(`  not run: ${why}`)
      outcome.skipped += 1
    }
  }
  return outcome
}

/** What was found, which is nothing when it broke before; that is no reason not to run the others. */
async function runOne(
  benchmark: Benchmark,
  options: BenchOptions,
  outer: Bench,
): Promise<{ findings: readonly Finding[]; broke: boolean }> {
  const start = performance.now()
  let findings: readonly Finding[] = []
  const measure = async (bench: Bench) => {
    findings = await benchmark.run(bench)
    findings.forEach(printFinding)
  }
  try {
    await withBench(measure, options, outer)
    return { findings, broke: false }
  } catch (error) {
    console.error(`  ${benchmark.id} broke:`, error)
    return { findings, broke: true }
  } finally {
    console.log(`  took ${Math.round((performance.now() - start) / 1000)} s`)
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undoAll().finally(() => process.exit(1)))

process.exitCode = await runProgram({ usage, options, takesWords: true, run: bench })
