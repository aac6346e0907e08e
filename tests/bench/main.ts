import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { benchmarks } from './benchmarks.ts'
import { undoAll, withBench, type Benchmark, type BenchOptions, type Finding } from './harness.ts'
import { scale } from './population.ts'
import { printFinding, writeReport } from './report.ts'

/** `npm run bench`: all of them, or those that are named; `-- --list` says which there are. */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { list: { type: 'boolean' }, json: { type: 'string' }, runs: { type: 'string' } },
  })
  if (values.list) {
    for (const { id, what } of benchmarks) console.log(`${id.padEnd(6)} ${what}`)
    return 0
  }
  const chosen = benchmarks.filter(({ id }) => positionals.length === 0 || positionals.includes(id))
  const unknown = positionals.filter((id) => !benchmarks.some((benchmark) => benchmark.id === id))
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}.\nSee: npm run bench -- --list`)
    return 2
  }
  const runs = values.runs === undefined ? undefined : Number(values.runs)
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0)) {
    console.error(
      `--runs takes a number of Runs, not ${values.runs}.\nSee: npm run bench -- --list`,
    )
    return 2
  }
  const findings = await runAll(chosen, runs === undefined ? {} : { runs })
  if (values.json) writeFileSync(values.json, `${JSON.stringify(findings, null, 2)}\n`)
  if (positionals.length === 0 && scale === 1 && runs === undefined) await writeReport(findings)
  // A target that is missed is a result; only a benchmark that breaks is a failure.
  return new Set(findings.map(({ id }) => id.split('.')[0])).size < chosen.length ? 1 : 0
}

async function runAll(chosen: readonly Benchmark[], options: BenchOptions): Promise<Finding[]> {
  return withBench(async (outer) => {
    const findings: Finding[] = []
    for (const benchmark of chosen) {
      console.log(`${benchmark.id}: ${benchmark.what}`)
      const start = performance.now()
      try {
        const found = await withBench((bench) => benchmark.run(bench), options, outer)
        found.forEach(printFinding)
        findings.push(...found)
      } catch (error) {
        console.error(`  ${benchmark.id} broke:`, error)
      }
      console.log(`  took ${Math.round((performance.now() - start) / 1000)} s`)
    }
    return findings
  })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undoAll().finally(() => process.exit(1)))

process.exitCode = await main(process.argv.slice(2))
