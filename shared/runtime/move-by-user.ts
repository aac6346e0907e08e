import { Problem } from '#shared/contracts/problems.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { MoveRefusal, Reader } from '#shared/database/user-moves.ts'

/** Throws the problem that tells why a user's move was not made, if it was not; `move` is what was wanted. */
export function checkMoved(runId: string, move: string, refusal: MoveRefusal | undefined): void {
  if (refusal) throw problemOf(runId, move, refusal)
}

function problemOf(runId: string, move: string, refusal: MoveRefusal): Problem {
  const run = `The run ${runId}`
  switch (refusal.why) {
    case 'absent':
      return new Problem('run-not-found', `No run has the id ${runId}.`)
    case 'status':
      return new Problem(
        'move-prohibited',
        `${run} is ${refusal.status}: it cannot be ${move}. ${adviceFor(refusal.status)}`,
      )
    case 'root':
      return new Problem(
        'move-prohibited',
        `${run} is an upload or an import: it cannot be ${move}. Abort it, or delete it, and push the data again.`,
      )
    case 'unfinished':
      return new Problem(
        'run-not-finished',
        `${run} is ${refusal.status}: it can be ${move} when it has ended. Wait for that, or abort it first.`,
      )
    case 'transfer':
      return new Problem(
        'run-not-finished',
        `${run} cannot be ${move} while its data ${refusal.knitId} is being downloaded. Try again when that has ended.`,
      )
    case 'in-use':
      return new Problem(
        'run-in-use',
        `${run} cannot be ${move}: what it has written is read by ${named(refusal.readers, refusal.count)}. Delete downstream runs first, the last of them before the others.`,
      )
  }
}

function adviceFor(status: RunStatus): string {
  const held = status === 'waiting' || status === 'deactivated'
  return held ? 'It has not begun; abort it instead.' : 'It has ended, or is ending, already.'
}

function named(readers: readonly Reader[], count: number): string {
  const names = readers.map(({ runId, status, plan }) => `${runId} (${status}, of ${plan})`)
  const more = count - readers.length
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ')
}
