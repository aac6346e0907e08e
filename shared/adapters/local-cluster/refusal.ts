import type { FailureCause } from '#shared/ports/cluster.ts'

/** No program can be run on this machine, or not as it was asked; the message tells people why and what to do. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun'
}

/** A worker's program cannot begin; the message tells people why and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly blame: FailureCause
  readonly exitCode: number

  constructor(blame: FailureCause, message: string, exitCode = 125) {
    super(message)
    this.blame = blame
    this.exitCode = exitCode
  }
}
