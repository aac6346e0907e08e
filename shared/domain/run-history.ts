import * as z from 'zod'
import { RunId } from './ids.ts'
import { AttemptNumber, RunAttempt } from './run.ts'
import { runStatuses } from './run-states.ts'
import { Time } from './time.ts'

/** What can happen on the way of a run, in the order in which it usually does, and when each has happened. */
export const milestones = {
  ready: 'the last of the data, the tags and the plan that it needs was there',
  matched: 'its data were found to fit the plan',
  projected: 'the run was made',
  begun: 'the upload or import began',
  held: 'it was held, as its plan was inactive',
  activated: 'its plan was activated',
  retried: 'it was to be tried again',
  admitted: 'there was room for it',
  'volumes-made': 'there were volumes for its outputs',
  'worker-created': 'there was a worker for it',
  'program-started': 'the program began',
  'program-ended': 'the program ended',
  stopped: 'it was ended before its program began, as a success',
  aborted: 'it was ended before its program began, or its outputs could not be kept',
  published: 'its outputs could be used',
  failed: 'its worker was gone, and its outputs were kept to be looked at',
  deleted: 'it was deleted',
} as const
export type MilestoneName = keyof typeof milestones

const names = Object.keys(milestones) as [MilestoneName, ...MilestoneName[]]
const legend = names.map((name) => `${name}: ${milestones[name]}`).join('; ')

export const Milestone = z
  .object({
    attempt: AttemptNumber.describe('Of which attempt.'),
    name: z.enum(names).describe(`What had happened by then (${legend}).`),
    at: Time,
  })
  .meta({ id: 'Milestone' })
export type Milestone = z.infer<typeof Milestone>

export const RunMove = z
  .object({
    attempt: AttemptNumber.describe('The attempt it was in then.'),
    from: z.enum(runStatuses).optional().describe('Its status before; absent for the first.'),
    status: z.enum(runStatuses).describe('Its status from then on.'),
    at: Time.describe('When it was moved.'),
    claimedAt: Time.optional().describe('When the step that moved it had taken it on.'),
    by: z.string().describe('Who moved it: a step, a handler, or the caller of a route.'),
    reason: z.string().optional().describe('Why, where there was something to say.'),
  })
  .meta({ id: 'RunMove' })
export type RunMove = z.infer<typeof RunMove>

export const RunHistory = z
  .object({
    runId: RunId,
    moves: z.array(RunMove).describe('Every status it has had, in order.'),
    attempts: z.array(RunAttempt).describe('Every attempt there is something to tell of.'),
    milestones: z
      .array(Milestone)
      .describe('What happened on its way, in order: from one to the next is where time went.'),
  })
  .meta({ id: 'RunHistory' })
export type RunHistory = z.infer<typeof RunHistory>

/** When what a run reads was there, and was found to fit; absent where nobody knows any more. */
export type Origin = { ready?: string; matched?: string }

/** What happened on the way of a run, from what was written down when it did. */
export function milestonesOf(
  origin: Origin,
  moves: readonly RunMove[],
  attempts: readonly RunAttempt[],
): Milestone[] {
  const byNumber = new Map(attempts.map((attempt) => [attempt.attempt, attempt]))
  const before = [mark('ready', origin.ready), mark('matched', origin.matched)]
  return [
    ...before.flat().map((own) => ({ attempt: 1, ...own })),
    ...moves.flatMap((move) => {
      const { attempt } = move
      return marksOf(move, byNumber.get(attempt)).map((own) => ({ attempt, ...own }))
    }),
  ]
}

type Mark = Omit<Milestone, 'attempt'>

const mark = (name: MilestoneName, at: string | undefined): Mark[] => (at ? [{ name, at }] : [])

function marksOf(move: RunMove, attempt: RunAttempt | undefined): Mark[] {
  const began = move.from === 'starting' ? mark('program-started', attempt?.startedAt) : []
  return [...began, ...statusMarks(move, attempt)]
}

function statusMarks(move: RunMove, attempt: RunAttempt | undefined): Mark[] {
  const { from, status, at } = move
  // It was told once more what had been told before.
  if (from === status) return []
  switch (status) {
    case 'waiting':
      return mark(from ? (from === 'deactivated' ? 'activated' : 'retried') : 'projected', at)
    case 'deactivated':
      return mark(from ? 'held' : 'projected', at)
    case 'ready':
      return [...mark('admitted', move.claimedAt), ...mark('volumes-made', at)]
    case 'starting':
      return mark('worker-created', at)
    case 'running':
      return from ? [] : mark('begun', at)
    case 'completing':
    case 'aborting':
      return endMarks(move, attempt)
    case 'done':
      return mark('published', at)
    case 'failed':
      return mark('failed', at)
    case 'invalidated':
      return mark('deleted', at)
  }
}

function endMarks({ from, status, at }: RunMove, attempt: RunAttempt | undefined): Mark[] {
  if ((from === 'starting' || from === 'running') && attempt?.startedAt)
    return mark('program-ended', attempt.endedAt)
  // An upload has no program, and its end is that of its run.
  if (from === 'running') return []
  return mark(status === 'completing' ? 'stopped' : 'aborted', at)
}
