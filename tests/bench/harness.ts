import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** One line of the table: a ratio, what it should be, and what was measured beside it. */
export type Finding = {
  id: string
  what: string
  ratio: number
  min: number
  max: number
  target: string
  holds: boolean
  unit: string
  facts: Facts
}

/** What explains a finding: the physical limit, single times, and the proof that the settings are what they are said to be. */
export type Facts = Record<string, number | string>

/** Something that is measured. `run` gives back one finding for each of its targets, the main one first. */
export type Benchmark = {
  id: string
  what: string
  /** Why it cannot be run here; undefined when it can, as those can that do not say. */
  missing?(): string | undefined
  run(bench: Bench): Promise<Finding[]>
}

/** How long some of them take is for whoever starts them to say. */
export type BenchOptions = { runs?: number }

/** What a benchmark is given. Whatever is registered with `onEnd` is undone, the last first, also after a failure. */
export type Bench = {
  /** A new folder on a real disk, removed at the end. */
  folder(name: string): Promise<string>
  /** Something that several benchmarks use, made at its first use. */
  shared<T>(name: string, make: (bench: Bench) => Promise<T>): Promise<T>
  onEnd(undo: () => unknown): void
  options: BenchOptions
  say(line: string): void
}

const open: AsyncDisposableStack[] = []

/** Removes the traces of whatever is going on, for somebody who does not want to wait for its end. */
export async function undoAll(): Promise<void> {
  for (const stack of open.toReversed()) await stack.disposeAsync()
}

/** Runs `work` with a bench whose traces are gone afterwards. `outer` keeps what benchmarks share. */
export async function withBench<T>(
  work: (bench: Bench) => Promise<T>,
  options: BenchOptions = {},
  outer?: Bench,
): Promise<T> {
  await using stack = new AsyncDisposableStack()
  open.push(stack)
  stack.defer(() => void open.splice(open.indexOf(stack), 1))
  const made = new Map<string, Promise<unknown>>()
  const bench: Bench = {
    async folder(name) {
      // Not below /tmp, which may be memory, and which programs in the sandbox do not see.
      const folder = await mkdtemp(join('/var/tmp', `knit-bench-${name}-`))
      stack.defer(() => rm(folder, { recursive: true, force: true }))
      return folder
    },
    shared<T>(name: string, make: (bench: Bench) => Promise<T>): Promise<T> {
      if (outer) return outer.shared(name, make)
      if (!made.has(name)) made.set(name, make(bench))
      return made.get(name) as Promise<T>
    },
    options,
    onEnd: (undo) => stack.defer(async () => void (await undo())),
    say: (line) => process.stderr.write(`  ${line}\n`),
  }
  return await work(bench)
}

/** Seldom enough to be quick, often enough for a median. */
export const roundsAtLeast = 5

/** A sample of what is measured, by name: milliseconds unless a benchmark says otherwise. */
export type Samples<K extends string> = Record<K, number[]>

/**
 * Takes a sample of each in turn, A B C A B C …: what slows the machine down for a while slows all of them down. A first
 * round, which is not counted, warms them up.
 */
export async function alternate<K extends string>(
  rounds: number,
  measures: Record<K, () => Promise<number>>,
): Promise<Samples<K>> {
  if (rounds < roundsAtLeast) throw new Error(`${rounds} rounds are too few to compare`)
  const names = Object.keys(measures) as K[]
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Samples<K>
  for (let round = 0; round <= rounds; round += 1)
    for (const name of names) {
      const sample = await measures[name]()
      if (round > 0) samples[name].push(sample)
    }
  return samples
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

// Nothing that is waited for here takes a tenth of it.
const tooLong = 600_000

const lateFor = (what: string, soFar?: string) =>
  new Error(`waited ${tooLong / 1000} s for ${what}${soFar ? `: ${soFar}` : ''}`)

/** A pause between two looks for what has to come. It rejects when that takes too long, and says what did not come and how far it was. */
export function waitingFor(what: string): (ms: number, soFar?: string) => Promise<void> {
  const start = performance.now()
  return async (ms, soFar) => {
    if (performance.now() - start > tooLong) throw lateFor(what, soFar)
    await wait(ms)
  }
}

/** What is promised, unless that takes too long. */
export function inTime<T>(what: string, promised: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(lateFor(what)), tooLong)
  return Promise.race([promised, late.promise]).finally(() => clearTimeout(timer))
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

export const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** The ratio of two series, round by round: its median, and how far it went. */
export function ratioOf(
  above: readonly number[],
  below: readonly number[],
): Pick<Finding, 'ratio' | 'min' | 'max'> {
  const ratios = above.map((value, round) => value / (below[round] ?? Number.NaN))
  return { ratio: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
}

/** The same of a series that is no ratio. */
export const spread = (samples: readonly number[]): Pick<Finding, 'ratio' | 'min' | 'max'> => ({
  ratio: median(samples),
  min: Math.min(...samples),
  max: Math.max(...samples),
})

/** What a ratio should be. */
export type Target = { text: string; met(ratio: number): boolean }

export const atLeast = (bound: number): Target => ({
  text: `≥${bound}`,
  met: (ratio) => ratio >= bound,
})

export const atMost = (bound: number): Target => ({
  text: `≤${bound}`,
  met: (ratio) => ratio <= bound,
})

export function finding(
  head: { id: string; what: string; unit: string },
  ratio: Pick<Finding, 'ratio' | 'min' | 'max'>,
  target: Target,
  facts: Facts,
): Finding {
  return {
    id: head.id,
    what: head.what,
    ratio: rounded(ratio.ratio),
    min: rounded(ratio.min),
    max: rounded(ratio.max),
    target: target.text,
    holds: target.met(ratio.ratio),
    unit: head.unit,
    facts,
  }
}

/** Three digits that count. */
export const rounded = (value: number): number => Number(value.toPrecision(3))
