import { Problem } from '#shared/contracts/problems.ts'
import { isEnded, mayBeMovedByUser, type RunStatus } from '#shared/domain/run-states.ts'
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
    case 'deleted':
      return new Problem(
        'run-deleted',
        `${run} was deleted: it cannot be ${move}. What is left of it keeps its inputs from being combined again.`,
      )
    case 'status':
      return prohibited(refusal.status, `${run} is ${refusal.status}: it cannot be ${move}.`)
    case 'root':
      return isEnded(refusal.status)
        ? new Problem('move-prohibited', `${notARun(run, move)} Push the data again.`)
        : new Problem('abort-instead', `${notARun(run, move)} Abort it, and push the data again.`)
    case 'unfinished':
      return new Problem(
        'run-not-finished',
        `${run} is ${refusal.status}: it can be ${move} when it has ended. ${waitOrAbort(refusal.status)}`,
      )
    case 'held':
      return new Problem(
        'run-held',
        `${run} is ${refusal.status}: it can be ${move} when it has ended, and is held until its plan ${refusal.planId} is active. Activate that, or abort it first.`,
      )
    case 'transfer':
      return new Problem(
        'data-in-transfer',
        `${run} cannot be ${move} while its data ${refusal.knitId} is being downloaded. Try again when that has ended.`,
      )
    case 'in-use':
      return new Problem(
        'run-in-use',
        `${run} cannot be ${move}: what it has written is read by ${named(refusal.readers, refusal.count)}. Delete downstream runs first, the last of them before the others.`,
      )
  }
}

const waitOrAbort = (status: RunStatus): string =>
  mayBeMovedByUser(status, 'aborting') ? 'Wait for that, or abort it first.' : 'Wait for that.'

const notARun = (run: string, move: string): string =>
  `${run} is an upload or an import: it cannot be ${move}.`

function prohibited(status: RunStatus, what: string): Problem {
  return mayBeMovedByUser(status, 'aborting')
    ? new Problem('abort-instead', `${what} It has not begun; abort it instead.`)
    : new Problem('move-prohibited', `${what} It has ended, or is ending, already.`)
}

function named(readers: readonly Reader[], count: number): string {
  const names = readers.map(({ runId, status, plan }) => `${runId} (${status}, of ${plan})`)
  const more = count - readers.length
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ')
}
