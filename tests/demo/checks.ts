import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { planName, rootsOf, tagOf } from './chains.ts'
import { DemoFailed } from './stage.ts'

/** The runs of `after` that were not there before. */
export function newRuns(before: RunDetail[], after: RunDetail[]): RunDetail[] {
  const old = new Set(before.map(({ runId }) => runId))
  return after.filter(({ runId }) => !old.has(runId))
}

/** What had run stays as it was: none of it may run again, or vanish. */
export function checkUntouched(before: RunDetail[], after: RunDetail[]): void {
  const moved = before.filter((old) => {
    const now = after.find(({ runId }) => runId === old.runId)
    return now?.status !== old.status || Date.parse(now.updatedAt) !== Date.parse(old.updatedAt)
  })
  complain(moved, 'ran again, or vanished')
}

/** Runs have no reason to begin but the data that was pushed last. */
export function checkAllGoBackTo(data: DataDetail, fresh: RunDetail[], runs: RunDetail[]): void {
  const strangers = fresh.filter((run) => !rootsOf(run, runs).includes(data.knitId))
  complain(strangers, `began that do not go back to ${tagOf(data, 'name') ?? data.knitId}`)
}

export function checkNone(fresh: RunDetail[]): void {
  complain(fresh, 'began though all there was had run')
}

/** What reads data cannot have begun before it was pushed. */
export function checkAllNew(wanted: RunDetail[], fresh: RunDetail[]): void {
  const late = wanted.filter((run) => !fresh.some(({ runId }) => runId === run.runId))
  complain(late, 'should have begun only now')
}

function complain(runs: RunDetail[], about: string): void {
  if (runs.length === 0) return
  throw new DemoFailed(
    `${runs.length} ${runs.length === 1 ? 'run' : 'runs'} ${about}`,
    runs.map(({ plan, runId, status }) => `${planName(plan)}  ${runId}  ${status}`),
  )
}
