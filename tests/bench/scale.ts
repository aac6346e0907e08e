import { readFileSync } from 'node:fs'
import type { Deployed } from '#shared/render/knative/deployed.ts'
import { Config } from '#shared/runtime/config.ts'
import { ceilings } from '#tests/support/run-cost-ceilings.ts'

/** Of what size: Runs a day, nodes, and programs that a node executes at a time. */
const size = { runs: 1_000_000, nodes: 1000, programs: 30 }
// When most of them come at the same time of day.
const peak = 4
const secondsOfDay = 86_400

/** What is written for a Run with an output and a log unless B12 has measured it: its bound. */
const boundOfWrites = 2 + 3

const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')

// Seven columns, and what is before and behind them.
const wide = 9

/** A median of the tables of results; undefined for what was not measured. */
export function figureOf(id: string, page = readme): number | undefined {
  const rows = page.split('\n').map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  const [, , , median] = rows.find((cells) => cells[1] === id && cells.length === wide) ?? []
  return median === undefined ? undefined : Number(median)
}

/** A number among the facts of a benchmark. */
export function factOf(id: string, name: string, page = readme): number | undefined {
  const line = new RegExp(`^[-*] \\*\\*${escaped(id)}\\*\\* (.*)$`, 'm').exec(page)?.[1] ?? ''
  const found = line.split('; ').find((fact) => fact.startsWith(`${name}: `))
  return found === undefined ? undefined : Number(found.slice(name.length + 2))
}

const escaped = (text: string): string => text.replaceAll('.', '\\.')

function required(what: string, figure: number | undefined): number {
  if (figure === undefined || !Number.isFinite(figure))
    throw new Error(`tests/bench/README.md has no ${what}: npm run bench writes it`)
  return figure
}

type Row = {
  what: string
  unit: string
  each: number
  /** How many a second were measured to be possible, and where. */
  most?: { figure: number; of: string }
}

/** The page on what very many Runs cost. */
export function scalePage(functions: readonly Deployed[]): string {
  const [dear, cheap] = ceilings.map(({ ceiling }) => ceiling)
  if (!dear || !cheap) throw new Error('there are no ceilings')
  const updates = required(
    'B5: the bare updates alone',
    factOf('B5', 'the bare updates alone, a second'),
  )
  const relayed = required('B5: ours', factOf('B5', 'ours, a second'))
  const jobs = factOf('B12', 'Jobs a second that a bare client makes, suspended')
  const measured = figureOf('B12.writes.log')
  const writes = measured ?? boundOfWrites
  const rows: Row[] = [
    {
      what: `writes to the API server, by our functions${measured ? '' : ', at most'}`,
      unit: 'writes',
      each: writes,
      ...(jobs && { most: { figure: jobs, of: 'Jobs that a bare client makes (B12)' } }),
    },
    {
      what: `statements, when Runs come ${ceilings[0]?.chains}`,
      unit: 'statements',
      each: dear.statements,
      most: { figure: updates, of: 'guarded updates, eight at a time (B5)' },
    },
    {
      what: `statements, when Runs come ${ceilings[1]?.chains}`,
      unit: 'statements',
      each: cheap.statements,
      most: { figure: updates, of: 'guarded updates, eight at a time (B5)' },
    },
    {
      what: 'events through outbox and relay',
      unit: 'events',
      each: dear.events,
      most: { figure: relayed, of: 'of one relay (B5)' },
    },
    { what: 'log of the database', unit: 'bytes', each: dear.bytes },
  ]
  return [
    '# Very many Runs, on paper',
    '',
    'Computed by `scale.ts` from the results in [README.md](README.md) and from the ceilings of `tests/conformance/run-cost.test.ts`.',
    '',
    `${shown(size.runs)} Runs a day are ${shown(perSecond(1))} a second, and ${shown(peak * perSecond(1))} when they come in a quarter of the day.`,
    '',
    '| what | of a Run | a day | a second, at the peak | measured to be possible on two cores | share |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(lineOf),
    '',
    ...memory(functions).map((line) => `- ${line}`),
    ...nodes().map((line) => `- ${line}`),
  ].join('\n')
}

const perSecond = (each: number): number => (each * size.runs) / secondsOfDay

function lineOf({ what, unit, each, most }: Row): string {
  const atPeak = peak * perSecond(each)
  const measured = most
    ? [`${shown(most.figure)} ${most.of}`, percent(atPeak / most.figure)]
    : ['', '']
  const amount = (number: number) => (unit === 'bytes' ? inBytes(number) : shown(number))
  const cells = [what, amount(each), amount(each * size.runs), amount(atPeak), ...measured]
  return `| ${cells.join(' | ')} |`
}

function memory(functions: readonly Deployed[]): string[] {
  const always = functions.filter(({ deploy }) => (deploy.minScale ?? (deploy.as ? 1 : 0)) > 0)
  const largest = required('B8.memory', figureOf('B8.memory'))
  const ofRun = required(
    'B11: ms of processor',
    factOf('B11', 'of a Run, ms of processor in the process of the home'),
  )
  const busy = (peak * perSecond(ofRun)) / 1000
  return [
    `Memory: ${always.length} of ${functions.length} functions are always there. When each takes what the largest was seen to take, that is ${shown(always.length * largest)} MiB.`,
    `Processors: a Run takes ${shown(ofRun)} ms of the functions (B11), so at the peak ${shown(busy)} processors are busy, and as many Pods beyond those that are always there as Knative makes of that.`,
    `Memory of programs: none of ours. Beside each stands what keeps its log, which asks for 64 MiB and 10m of a processor while it runs.`,
  ]
}

/** What there is more of where there are more nodes: nothing but what runs on them. */
function nodes(): string[] {
  const live = size.nodes * size.programs
  const longest = live / (peak * perSecond(1))
  const allowed = defaultOf('liveRuns')
  return [
    `Nodes: nothing of ours is on each of them, and nothing asks about nodes, unless claims are to be made larger (volumes.expander). ${shown(size.nodes)} nodes that execute ${size.programs} programs each have ${shown(live)} live Runs, which at the peak last ${shown(longest)} s on average; KNIT_LIVE_RUNS, ${shown(allowed)} unless set, has to allow as many, and a third more where one Plan has them all.`,
    `What lasts longer is looked at when Kubernetes tells of it. The sweep lists the names of all Jobs once a minute, in parts of 500: ${shown(live / 500 / 60)} requests a second.`,
    `History: seven rows for a Run, kept for KNIT_KEEP_HISTORY days: ${shown(7 * size.runs * defaultOf('keepHistory'))} rows with its default of ${defaultOf('keepHistory')} days. Lineage is kept for ever.`,
  ]
}

type Numbers = 'liveRuns' | 'keepHistory'

const defaultOf = (setting: Numbers): number => Number(Config.partial().parse({})[setting])

const shown = (number: number): string =>
  Number(number.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 3 })

const percent = (share: number): string => `${shown(100 * share)} %`

const inBytes = (bytes: number): string =>
  bytes >= 1e9
    ? `${shown(bytes / 1e9)} GB`
    : bytes >= 1e6
      ? `${shown(bytes / 1e6)} MB`
      : `${shown(bytes / 1e3)} kB`
