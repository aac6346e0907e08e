import { systemExits } from './run-exits.ts'
import type { RunExit } from './run-summary.ts'
import type { RunStatus } from './run-states.ts'

/** What is known of why a run is where it is. */
export type Standing = {
  status: RunStatus
  /** What whoever moved it, or served it last, had to say. */
  told?: string | undefined
  /** How its current attempt ended. */
  exit?: RunExit | undefined
  /** Whether a step serves it just now. */
  served?: boolean
  /** Whether a hook, or a step that failed, has put it back: then that is what it waits for. */
  putBack?: boolean
}

/** Why a run is where it is, in words for people; undefined when there is nothing to say. */
export function reasonOf({
  status,
  told,
  exit,
  served = false,
  putBack = false,
}: Standing): string | undefined {
  switch (status) {
    case 'deactivated':
      return 'its plan is inactive'
    case 'waiting':
      return inOneLine(
        served && !putBack && 'it has been admitted: its volumes are being made',
        told,
      )
    case 'completing':
    case 'done':
      return exit?.message || told
    case 'aborting':
    case 'failed':
      return inOneLine(exit && explainExit(exit), told !== exit?.message && told)
    default:
      return told
  }
}

/** Parts of a reason, those that say something. */
export const inOneLine = (...parts: (string | false | undefined)[]): string | undefined =>
  parts.filter(Boolean).join('; ') || undefined

/** Kubernetes does not always notice what for a program was killed. */
function adviceOn({ code, message }: RunExit): string {
  if (message.endsWith('OOMKilled'))
    return '; it took more memory than its plan asks for, which knit plan resource changes'
  return code === 137
    ? '; it was killed: if for the memory it took, knit plan resource gives it more'
    : ''
}

function explainExit(exit: RunExit): string {
  const { code, message } = exit
  if (code === systemExits.lost.code && message === systemExits.lost.message)
    return 'its worker vanished: somebody deleted it, or its machine went away'
  // How the system tells of containers; all else it says in words.
  if (message === '' || message.startsWith('(container '))
    return `its program ended with exit code ${code}${message && `: ${message}`}${adviceOn(exit)}`
  return message
}
