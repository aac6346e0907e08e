import { styleText } from 'node:util'
import type { Milestone, MilestoneName } from '#shared/domain/run-history.ts'
import { spanText } from '../formats.ts'

export type Canvas = { width: number; colour: boolean }

type Style = Parameters<typeof styleText>[0]

// What a run waits for, what its program does, and how it ended badly; the rest is work of the system.
const styles: Partial<Record<MilestoneName, Style>> = {
  matched: 'yellow',
  admitted: 'yellow',
  activated: 'yellow',
  retried: 'yellow',
  'program-ended': 'green',
  aborted: 'red',
  failed: 'red',
}

/** A part of the way: until what, from when to when, in milliseconds since the first milestone. */
type Part = { name: string; from: number; to: number; style: Style; open?: boolean }

/**
 * The way of a run on a time axis: a bar for each part of it, from one milestone to the next. `until` is the time up to which
 * a run that has not ended is drawn.
 */
export function waterfall(
  milestones: readonly Milestone[],
  until: number | undefined,
  { width, colour }: Canvas,
): string {
  const parts = partsOf(milestones, until)
  const total = parts.at(-1)?.to ?? 0
  const labels = parts.map(({ name, from, to }, index) => ({
    name,
    took: index === 0 && from === to ? '' : spanText(to - from),
  }))
  const names = Math.max(0, ...labels.map(({ name }) => name.length))
  const spans = Math.max(0, ...labels.map(({ took }) => took.length))
  const margin = names + spans + 4
  const room = Math.max(width - margin - 1, 10)
  const lines = parts.map((part, index) => {
    const { name = '', took = '' } = labels[index] ?? {}
    const bar = barOf(part, total, room)
    const shown = colour ? styleText(part.style, bar, { validateStream: false }) : bar
    return `${name.padEnd(names)}  ${took.padStart(spans)}  ${shown}\n`
  })
  return `${' '.repeat(margin)}${axis(total, room)}\n${lines.join('')}`
}

function partsOf(milestones: readonly Milestone[], until: number | undefined): Part[] {
  const [first] = milestones
  if (!first) return []
  const begin = Date.parse(first.at)
  const numbered = milestones.some(({ attempt }) => attempt > 1)
  const parts: Part[] = []
  let at = 0
  for (const { attempt, name, at: time } of milestones) {
    // Clocks of two machines may differ: time never goes back here.
    const to = Math.max(at, Date.parse(time) - begin)
    const shown = name.replace('-', ' ')
    const style = styles[name] ?? 'cyan'
    parts.push({ name: numbered ? `${attempt}. ${shown}` : shown, from: at, to, style })
    at = to
  }
  if (until !== undefined)
    parts.push({
      name: 'so far',
      from: at,
      to: Math.max(at, until - begin),
      style: 'dim',
      open: true,
    })
  return parts
}

function barOf({ from, to, open }: Part, total: number, room: number): string {
  const cell = (millis: number) => Math.round((total > 0 ? millis / total : 0) * room)
  const length = cell(to) - cell(from)
  const bar = length > 0 ? (open ? '░' : '█').repeat(length) : '▏'
  return ' '.repeat(Math.min(cell(from), room - 1)) + bar
}

/** The beginning, the middle and the end of the time that is drawn, above where they are. */
function axis(total: number, room: number): string {
  const [left, middle, right] = ['0', spanText(total / 2), spanText(total)]
  const half = Math.floor(room / 2)
  if (left.length + middle.length + right.length + 4 > room)
    return left + right.padStart(room - left.length)
  return `${left.padEnd(half)}${middle}`.padEnd(room - right.length) + right
}
