import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { walk, type Reach } from './direction.ts'

/** As much of data as a lineage shows, and goes on by; it may be unknown who made them. */
export type LineageData = Pick<DataDetail, 'knitId' | 'tags'> & {
  upstream?: Maker
  downstreams: { run: { runId: string }; mountpoint: { path: string } }[]
}
type Maker = { run: { runId: string }; mountpoint?: { path: string } | undefined }

/** As much of a run. */
export type LineageRun = Pick<RunDetail, 'runId' | 'status' | 'updatedAt' | 'plan'> & {
  inputs: Point[]
  outputs: Point[]
  log: { knitId: string } | null
}
type Point = { path: string; knitId: string }

/** Where data and runs are looked up; undefined is what cannot be found. */
export type LineageSource = {
  data(knitId: string): Promise<LineageData | undefined>
  run(runId: string): Promise<LineageRun | undefined>
}

export type LineageNode = { kind: 'data' | 'run' | 'root'; id: string }
export type LineageEdge = { from: LineageNode; to: LineageNode; label?: string }

/** In the order of discovery. Data and runs that could not be found are there without detail. */
export type LineageGraph = {
  start: string
  data: Map<string, LineageData | undefined>
  runs: Map<string, LineageRun | undefined>
  roots: string[]
  edges: LineageEdge[]
}

/** The ancestors and descendants of data, and what their runs read and wrote besides. */
export async function traceLineage(
  source: LineageSource,
  start: string,
  { upstream, downstream, depth }: Reach,
): Promise<LineageGraph> {
  const graph: LineageGraph = { start, data: new Map(), runs: new Map(), roots: [], edges: [] }
  graph.data.set(start, await source.data(start))
  if (upstream) await walk(start, depth, stepUp)
  if (downstream) await walk(start, depth, stepDown)
  addEdges(edgesOfMissingRuns(graph))
  return graph

  async function stepUp(level: string[]): Promise<string[]> {
    const makers = level.flatMap((id) => graph.data.get(id)?.upstream?.run.runId ?? [])
    const runs = await newRuns(makers)
    await addData(runs.flatMap((run) => [...writtenBy(run), ...readBy(run)]))
    for (const run of runs) addEdges([...writes(run), ...reads(run)])
    return runs.flatMap(readBy)
  }

  async function stepDown(level: string[]): Promise<string[]> {
    const users = level.flatMap((id) => graph.data.get(id)?.downstreams ?? [])
    const runs = await newRuns(users.map(({ run }) => run.runId))
    await addData(runs.flatMap((run) => [...readBy(run), ...writtenBy(run)]))
    for (const run of runs) addEdges([...reads(run), ...writes(run)])
    return runs.flatMap(writtenBy)
  }

  async function newRuns(ids: string[]): Promise<LineageRun[]> {
    const unknown = [...new Set(ids)].filter((id) => !graph.runs.has(id))
    const found = await Promise.all(unknown.map(source.run))
    for (const [index, id] of unknown.entries()) graph.runs.set(id, found[index])
    return found.filter((run) => run !== undefined)
  }

  async function addData(ids: string[]): Promise<void> {
    const unknown = [...new Set(ids)].filter((id) => !graph.data.has(id))
    const found = await Promise.all(unknown.map(source.data))
    for (const [index, id] of unknown.entries()) graph.data.set(id, found[index])
  }

  function addEdges(edges: LineageEdge[]): void {
    graph.edges.push(...edges)
  }

  function reads(run: LineageRun): LineageEdge[] {
    const to = runNode(run.runId)
    if (run.inputs.length > 0)
      return existing(run.inputs).map(({ knitId, path }) => ({
        from: dataNode(knitId),
        to,
        label: path,
      }))
    const root = String(graph.roots.length)
    graph.roots.push(root)
    return [{ from: { kind: 'root', id: root }, to }]
  }
}

function writes(run: LineageRun): LineageEdge[] {
  const from = runNode(run.runId)
  const written = [...run.outputs, ...(run.log ? [{ ...run.log, path: '(log)' }] : [])]
  return existing(written).map(({ knitId, path }) => ({ from, to: dataNode(knitId), label: path }))
}

/** What the data say of the runs that made and read them, where these cannot say it themselves. */
function edgesOfMissingRuns({ data, runs }: LineageGraph): LineageEdge[] {
  const isMissing = (id: string) => runs.has(id) && runs.get(id) === undefined
  return [...data.values()].flatMap((detail) => {
    if (!detail) return []
    const { knitId, upstream, downstreams } = detail
    const made = (upstream ? [upstream] : []).map(({ run, mountpoint }) => ({
      from: runNode(run.runId),
      to: dataNode(knitId),
      label: mountpoint?.path ?? '(log)',
    }))
    const read = downstreams.map(({ run, mountpoint }) => ({
      from: dataNode(knitId),
      to: runNode(run.runId),
      label: mountpoint.path,
    }))
    return [
      ...made.filter(({ from }) => isMissing(from.id)),
      ...read.filter(({ to }) => isMissing(to.id)),
    ]
  })
}

const dataNode = (id: string): LineageNode => ({ kind: 'data', id })
const runNode = (id: string): LineageNode => ({ kind: 'run', id })

const readBy = (run: LineageRun): string[] => existing(run.inputs).map(({ knitId }) => knitId)

const writtenBy = (run: LineageRun): string[] =>
  existing([...run.outputs, ...(run.log ? [run.log] : [])]).map(({ knitId }) => knitId)

/** Without those of which the data has been deleted. */
const existing = <T extends { knitId: string }>(points: T[]): T[] =>
  points.filter(({ knitId }) => knitId !== '')
