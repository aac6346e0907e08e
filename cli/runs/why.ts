import type { RunExit } from '#shared/domain/run-summary.ts'
import type { RunDetail } from '#shared/domain/run.ts'

/** Why a run is where it is. Not every server says so: how its program ended is all there is then. */
export const whyOf = ({ reason, exit }: RunDetail): string | undefined =>
  reason ?? (exit && ended(exit))

const ended = ({ code, message }: RunExit): string =>
  code === 0 ? message : `exit code ${code}${message && `: ${message}`}`
