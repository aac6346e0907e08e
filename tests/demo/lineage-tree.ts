import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { alignColumns } from './screen.ts'

/** A data, the run that made it, and what that run read. */
export type Origin = {
  data: DataDetail
  run: RunDetail
  inputs: { path: string; knitId: string }[]
}
export type Lineage = ReadonlyMap<string, Origin>

export type LineageSource = {
  findData(knitId: string): Promise<DataDetail | undefined>
  showRun(runId: string): Promise<RunDetail>
}

/** Everything a data was made of, back to what was pushed. */
export async function traceLineage(knitId: string, source: LineageSource): Promise<Lineage> {
  const lineage = new Map<string, Origin>()
  const waiting = [knitId]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (lineage.has(next)) continue
    const data = await source.findData(next)
    if (!data) continue
    const run = await source.showRun(data.upstream.run.runId)
    const inputs = run.inputs.filter((input) => input.knitId !== '')
    lineage.set(next, { data, run, inputs })
    waiting.push(...inputs.map((input) => input.knitId))
  }
  return lineage
}

/** Whether `ancestor` is the data, or one of those it was made of. */
export function descendsFrom(knitId: string, ancestor: string, lineage: Lineage): boolean {
  if (knitId === ancestor) return true
  const inputs = lineage.get(knitId)?.inputs ?? []
  return inputs.some((input) => descendsFrom(input.knitId, ancestor, lineage))
}

export type Names = { data(data: DataDetail): string; maker(run: RunDetail): string }

/** The lineage as lines of text: below each data those its run has read. What is drawn once is not drawn again. */
export function lineageTree(knitId: string, lineage: Lineage, names: Names): string[] {
  const rows: string[][] = []
  const drawn = new Set<string>()

  const draw = (id: string, branch: string, below: string): void => {
    const origin = lineage.get(id)
    if (!origin) {
      rows.push([`${branch}(deleted)`, id])
      return
    }
    const { data, run, inputs } = origin
    const again = drawn.has(id) && inputs.length > 0
    rows.push([branch + names.data(data), id, again ? 'as above' : names.maker(run)])
    if (again) return
    drawn.add(id)
    for (const [index, input] of inputs.entries()) {
      const last = index === inputs.length - 1
      draw(input.knitId, `${below}${last ? '└─ ' : '├─ '}`, `${below}${last ? '   ' : '│  '}`)
    }
  }
  draw(knitId, '', '')
  return alignColumns(rows)
}
