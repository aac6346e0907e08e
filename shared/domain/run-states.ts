/**
 * THE table of run statuses and of the moves between them. Types, the database's guard, documents and
 * tests are derived from it. Each move names who may make it: a step, a route's handler, or the `user`.
 */
export const runStates = {
  deactivated: {
    summary: 'held: its plan is inactive',
    data: 'processing',
    moves: { waiting: ['user'], aborting: ['user'] },
  },
  waiting: {
    summary: 'its inputs are known; it waits for room and volumes',
    data: 'processing',
    moves: {
      deactivated: ['user'],
      ready: ['initialize-run'],
      aborting: ['user', 'initialize-run'],
    },
  },
  ready: {
    summary: 'its volumes exist; it waits for its worker',
    data: 'processing',
    moves: { starting: ['start-run'], completing: ['user'], aborting: ['user', 'start-run'] },
  },
  starting: {
    summary: 'its worker exists; the program has not begun',
    data: 'processing',
    moves: {
      running: ['observe-worker'],
      completing: ['user', 'observe-worker'],
      aborting: ['user', 'observe-worker'],
    },
  },
  running: {
    summary: 'the program runs, or an upload or import is in progress',
    data: 'processing',
    moves: {
      completing: ['user', 'observe-worker', 'data-push', 'imports-end'],
      aborting: ['user', 'observe-worker', 'data-push', 'clean-up'],
    },
  },
  completing: {
    summary: 'it succeeded; the worker is being removed',
    data: 'processing',
    moves: { done: ['finish-run', 'data-push'], aborting: ['finish-run'] },
  },
  aborting: {
    summary: 'it failed; the worker is being removed',
    data: 'processing',
    moves: {
      failed: ['finish-run', 'data-push', 'clean-up'],
      waiting: ['finish-run'],
      deactivated: ['finish-run'],
    },
  },
  done: {
    summary: 'it succeeded; its outputs can be used',
    data: 'ready',
    moves: { waiting: ['user'], deactivated: ['user'], invalidated: ['user'] },
  },
  failed: {
    summary: 'it failed; its outputs are kept to be looked at',
    data: 'failed',
    moves: { waiting: ['user'], deactivated: ['user'], invalidated: ['user'] },
  },
  invalidated: {
    summary: 'the tombstone of a deleted run: its combination is never made again',
    data: 'failed',
    moves: {},
  },
} as const satisfies Record<string, RunState>

type RunState = {
  summary: string
  /** What the outputs of such a run are to others; shown as `knit#transient`, except `ready`. */
  data: 'processing' | 'failed' | 'ready'
  moves: Partial<Record<string, readonly string[]>>
}

export type RunStatus = keyof typeof runStates

/** The statuses a run in `F` may go to. */
export type Next<F extends RunStatus> = F extends RunStatus
  ? keyof (typeof runStates)[F]['moves'] & RunStatus
  : never

export const runStatuses = Object.keys(runStates) as RunStatus[]

/** Where a run ends: nothing is due for it any more. */
export const endedStatuses = ['done', 'failed', 'invalidated'] as const satisfies RunStatus[]

export const isEnded = (status: RunStatus): boolean =>
  (endedStatuses as readonly RunStatus[]).includes(status)

/** Every legal move as `[from, to, who]`. */
export function runMoves(): [RunStatus, RunStatus, readonly string[]][] {
  return runStatuses.flatMap((from) =>
    Object.entries(runStates[from].moves).map(
      ([to, who]) => [from, to as RunStatus, who] as [RunStatus, RunStatus, readonly string[]],
    ),
  )
}

export function mayMove(from: RunStatus, to: RunStatus): boolean {
  return to in runStates[from].moves
}

/** True when a user may make the move: the others are those of steps and handlers. */
export function mayBeMovedByUser(from: RunStatus, to: RunStatus): boolean {
  const moves: Partial<Record<RunStatus, readonly string[]>> = runStates[from].moves
  return moves[to]?.includes('user') ?? false
}
