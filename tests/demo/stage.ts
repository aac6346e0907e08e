import type { KnitClient } from './knit.ts'
import type { Screen } from './screen.ts'

/** What every part of the scenario works with. */
export type Stage = {
  knit: KnitClient
  /** Everything the demo writes is below this folder. */
  folder: string
  screen: Screen
  signal: AbortSignal
  /** Status and time in which each run was last seen, by run id. */
  seen: Map<string, string>
  /** What pushed data is called, by knit id. */
  names: Map<string, string>
  /** Ids of the runs an earlier demo has left. */
  earlier: ReadonlySet<string>
}

/** On all that belongs to the demo. */
export const projectTag = 'project:digits'

/** The demo saw something it should not have seen. `details` are lines that help to find out why. */
export class DemoFailed extends Error {
  override readonly name = 'DemoFailed'
  readonly details: string[]

  constructor(message: string, details: string[] = []) {
    super(message)
    this.details = details
  }
}
