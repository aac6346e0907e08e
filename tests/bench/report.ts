import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import type { Finding } from './harness.ts'

const readme = new URL('./README.md', import.meta.url)

/** The tables of the README, by how each is written. */
const commands = {
  results: 'npm run bench',
  soak: 'npm run bench -- B7 --runs 100000',
  cluster: 'npm run bench -- B9 B10 B12 B13 streams',
} as const
export type Table = keyof typeof commands

/** Says on the terminal what was found. */
export function printFinding(finding: Finding): void {
  const { id, what, ratio, min, max, unit, target, holds, facts } = finding
  const verdict = holds ? 'holds' : 'MISSED'
  console.log(`  ${id}: ${ratio} ${unit} (${min}–${max}), target ${target}: ${verdict}  [${what}]`)
  for (const [name, value] of Object.entries(facts)) console.log(`      ${name}: ${shown(value)}`)
}

/** Puts findings between the markers of a table of the README, and says which benchmarks broke. */
export async function writeReport(
  table: Table,
  findings: readonly Finding[],
  broken: readonly string[],
): Promise<void> {
  const begin = `<!-- ${table}: written by \`${commands[table]}\` -->`
  const end = `<!-- end of ${table} -->`
  const text = readFileSync(readme, 'utf8')
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined)
    throw new Error(`tests/bench/README.md has lost the markers of its ${table}`)
  const style = await resolveConfig(fileURLToPath(readme))
  const written = `${before}${begin}\n\n${report(findings, broken)}\n${end}${after}`
  writeFileSync(readme, await format(written, { ...style, parser: 'markdown' }))
}

function report(findings: readonly Finding[], broken: readonly string[]): string {
  const rows = findings.map(
    ({ id, what, ratio, min, max, unit, target, holds }) =>
      `| ${id} | ${cell(what)} | ${ratio} | ${min}–${max} | ${unit} | ${target} | ${holds ? 'yes' : '**no**'} |`,
  )
  const facts = findings.map(
    ({ id, facts }) =>
      `* **${id}** ${Object.entries(facts)
        .map(([name, value]) => `${name}: ${shown(value)}`)
        .join('; ')}`,
  )
  return [
    `${machine()}`,
    '',
    '| id | what | median | min–max | unit | target | holds |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    ...(broken.length > 0 ? [`**Broke: ${broken.join(', ')}.**`, ''] : []),
    'What was measured beside them:',
    '',
    ...facts,
    '',
  ].join('\n')
}

/** Text as a cell of a table holds it. */
const cell = (text: string): string => text.replaceAll('|', '\\|')

function machine(): string {
  const processors = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const day = new Date().toISOString().slice(0, 10)
  return `${day}, ${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${memory} GiB, Linux ${release()}, Node ${process.versions.node}, PostgreSQL 18.`
}

const shown = (value: number | string): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(3))) : value
