import type { RunDetail } from '#shared/domain/run.ts'

export const timesHeader = ['queued', 'waited', 'ran']

/** When a run was made, how long after that its program began, and how long that ran: as far as the API tells. */
export function describeTimes({ createdAt, startedAt, endedAt }: RunDetail): string[] {
  const clock = createdAt === undefined ? '-' : new Date(createdAt).toTimeString().slice(0, 8)
  return [clock, span(createdAt, startedAt), span(startedAt, endedAt)]
}

function span(from: string | undefined, to: string | undefined): string {
  if (from === undefined || to === undefined) return '-'
  return `${(Math.max(0, Date.parse(to) - Date.parse(from)) / 1000).toFixed(2)} s`
}
