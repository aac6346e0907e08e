import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'

/**
 * When each run was seen to enter which status. A run shows only the time of its last move, so those before it
 * are known only if somebody looked in time.
 */
export class RunTimes {
  readonly #seen = new Map<string, Map<RunStatus, number>>()

  /** Notes what a run shows now; true when that is news. */
  note(run: RunDetail): boolean {
    const times = this.#seen.get(run.runId) ?? new Map<RunStatus, number>()
    this.#seen.set(run.runId, times)
    const at = Date.parse(run.updatedAt)
    const isNews = times.get(run.status) !== at
    times.set(run.status, at)
    return isNews
  }

  /** In milliseconds; what nobody saw is absent. */
  of(run: RunDetail): { created?: number; started?: number; ended?: number } {
    const times = this.#seen.get(run.runId)
    const created = createdAt(run.runId) ?? times?.get('waiting')
    // Its worker starts it within milliseconds; a quick one is never seen running.
    const started = times?.get('running') ?? times?.get('starting')
    const ended = times?.get('done') ?? times?.get('failed')
    return { created, started, ended }
  }
}

/** The time in an id of version 7, which is when it was made. */
export function createdAt(id: string): number | undefined {
  return id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined
}

export const timesHeader = ['queued', 'started', 'took']

/**
 * When it was made, how long after that it started, how long it ran. Of a run that nobody saw start only the most
 * it can have taken is known.
 */
export function describeTimes({ created, started, ended }: ReturnType<RunTimes['of']>): string[] {
  const clock = created === undefined ? '-' : new Date(created).toTimeString().slice(0, 8)
  const wait = span(created, started)
  const took = span(started, ended) ?? span(created, ended)?.replace(/^/, '<')
  return [clock, wait === undefined ? '-' : `+${wait}`, took ?? '-']
}

function span(from: number | undefined, to: number | undefined): string | undefined {
  if (from === undefined || to === undefined) return undefined
  return `${(Math.max(0, to - from) / 1000).toFixed(2)} s`
}
