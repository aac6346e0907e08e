import { isEnded } from '#shared/domain/run-states.ts'
import type { RunHistory, RunMove } from '#shared/domain/run-history.ts'
import { between, localTime } from '../formats.ts'
import { table, type Column } from '../output.ts'
import { attemptColumns } from './detail.ts'
import { waterfall, type Canvas } from './waterfall.ts'

type Step = RunMove & { until: string | undefined }

const moveColumns: Column<Step>[] = [
  ['WHEN', ({ at }) => localTime(at)],
  ['ATTEMPT', ({ attempt }) => String(attempt)],
  ['STATUS', ({ status }) => status],
  ['FOR', ({ at, until }) => between(at, until)],
  ['BY', ({ by }) => by],
  ['WHY', ({ reason }) => reason ?? ''],
]

// A drawing has to have some width.
const usualWidth = 80

/** Everything that has happened to a run, for people: its statuses, its attempts, and where its time went. */
export function historyText(history: RunHistory, now: Date, { width, colour }: Canvas): string {
  const { moves, attempts, milestones } = history
  const last = moves.at(-1)
  const open = last !== undefined && !isEnded(last.status)
  const steps = moves.map((move, index) => ({
    ...move,
    until: moves[index + 1]?.at ?? (open ? now.toISOString() : undefined),
  }))
  const look = { width, time: localTime }
  const canvas = { width: Number.isFinite(width) ? width : usualWidth, colour }
  return [
    table(steps, moveColumns, look),
    ...(attempts.length > 0 ? [table(attempts, attemptColumns, look)] : []),
    waterfall(milestones, open ? now.getTime() : undefined, canvas),
  ].join('\n')
}
