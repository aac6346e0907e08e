/** The command to try next; some know only what has to be done before the same command line is tried again. */
export type Next = string | ((line: string) => string)

/** What has to be done before the same command line is tried again. */
export const first =
  (what: string): Next =>
  (line) =>
    `${what}, then: ${line}`

/** A failure we planned for: what happened, to which thing, and what to try next. */
export class Failure extends Error {
  override readonly name: string = 'Failure'
  readonly next: Next
  readonly exitCode: number = 1

  constructor(message: string, next: Next, options?: ErrorOptions) {
    super(message, options)
    this.next = next
  }
}

/** The command line is not as it should be. */
export class UsageError extends Failure {
  override readonly name = 'UsageError'
  override readonly exitCode = 2

  /** Without `next` it is the help of the command that is advised. */
  constructor(message: string, next: Next = '') {
    super(message, next)
  }
}

/**
 * Whoever began it wants no more of it: Ctrl-C, also where a question waits for its answer, which no signal follows, or a signal of another
 * program.
 */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exitCode: number

  /** Without another exit code, that of Ctrl-C. */
  constructor(exitCode = 130) {
    super('interrupted')
    this.exitCode = exitCode
  }
}
