import { hash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import {
  NoSuchVolume,
  type Cluster,
  type Measure,
  type Received,
  type Transfers,
  type Worker,
  type WorkerSpec,
  type WorkerState,
} from '#shared/ports/cluster.ts'

type SimulatedWorker = Worker & { spec: WorkerSpec; isGoing: boolean }

/** Something that may happen to a worker by itself. */
export type Turn = { what: string; weight: number; go(): void }

/**
 * A cluster that does what clusters do, when the schedule says so: workers wait, run, end well or badly, take their time to go, or
 * are lost with their node. It knows what each volume holds, and notes what must never happen.
 */
export class SimulatedCluster implements Cluster, Transfers {
  /** What was written to each volume; undefined while it is empty. */
  readonly volumes = new Map<string, string | undefined>()
  readonly workers = new Map<string, SimulatedWorker>()
  readonly mishaps: string[] = []
  /** Every worker with every phase it was ever in: `<name> <phase>`. */
  readonly been = new Set<string>()
  /** Programs that nobody can stop any more, as their node is lost. */
  readonly zombies: SimulatedWorker[] = []
  readonly #ran = new Set<string>()
  readonly #read = new Map<string, string | undefined>()
  readonly #now: () => Date
  readonly #tell: (worker: string) => void
  #uids = 0

  constructor(now: () => Date, tell: (worker: string) => void) {
    this.#now = now
    this.#tell = tell
  }

  async ensureVolume({ name }: { name: string }): Promise<void> {
    if (!this.volumes.has(name)) this.volumes.set(name, undefined)
  }

  async deleteVolume(name: string): Promise<void> {
    this.volumes.delete(name)
  }

  async adoptVolume(name: string): Promise<'ready' | 'absent'> {
    return this.volumes.has(name) ? 'ready' : 'absent'
  }

  async listVolumes(): Promise<AsyncIterable<string[]>> {
    return Readable.from([[...this.volumes.keys()]])
  }

  async measureVolume(name: string): Promise<Measure | undefined> {
    if (!this.volumes.has(name)) return undefined
    // What was measured as nothing is nothing from then on: so it is of a run that was torn off before its program began.
    const content = this.volumes.get(name) ?? 'nothing'
    this.volumes.set(name, content)
    return measureOf(content)
  }

  async ensureWorker(spec: WorkerSpec): Promise<Worker> {
    const there = this.workers.get(spec.name)
    if (there) return shown(there)
    this.#uids += 1
    const { name, labels } = spec
    const worker = {
      name,
      labels,
      uid: `uid-${this.#uids}`,
      state: { phase: 'suspended' },
    } as const
    this.workers.set(name, { ...worker, spec, isGoing: false })
    this.been.add(`${name} suspended`)
    return worker
  }

  async releaseWorker({ name, uid }: Pick<Worker, 'name' | 'uid'>): Promise<void> {
    const worker = this.workers.get(name)
    if (worker?.uid === uid && worker.state.phase === 'suspended')
      this.#become(worker, { phase: 'pending' })
  }

  async findWorker(name: string): Promise<Worker | undefined> {
    const worker = this.workers.get(name)
    return worker && shown(worker)
  }

  async listWorkers(): Promise<Worker[]> {
    return [...this.workers.values()].map(shown)
  }

  async deleteWorker(name: string, { force = false } = {}): Promise<void> {
    const worker = this.workers.get(name)
    if (!worker) return
    worker.isGoing = true
    if (!force) return
    if (worker.state.phase === 'running') this.zombies.push(worker)
    this.#forget(worker)
  }

  async capacity(): Promise<ReadonlyMap<string, number>> {
    return new Map([
      ['cpu', 3],
      ['memory', 1e12],
    ])
  }

  async receive(volume: string, archive: Readable): Promise<Received> {
    const content = await text(archive)
    if (!this.volumes.has(volume)) throw new NoSuchVolume(`there is no volume ${volume}`)
    this.#write(volume, content)
    return { bytes: content.length, md5: hash('md5', content), measure: measureOf(content) }
  }

  send = (): Promise<never> => Promise.reject(new Error('nobody asks for that'))
  listFiles = this.send
  readFile = this.send
  readLog = this.send
  async tidyTransfers(): Promise<void> {}

  followLog = this.send

  /** All that may happen next, by itself. */
  turns(): Turn[] {
    return [...this.workers.values()].flatMap((worker) => this.#turnsOf(worker))
  }

  /** A node is lost: some of its workers with it, and nobody is told. */
  lose(worker: SimulatedWorker): void {
    this.workers.delete(worker.name)
    if (worker.state.phase === 'running') this.zombies.push(worker)
  }

  /** Workers whose program runs, and is the only one of their name. */
  lonely(): SimulatedWorker[] {
    const twice = new Set(this.zombies.map(({ name }) => name))
    return [...this.workers.values()].filter(
      ({ name, state, isGoing }) => state.phase === 'running' && !isGoing && !twice.has(name),
    )
  }

  /** A worker's program is begun once more, as another of the same name; the first goes on unseen. */
  beginOnceMore(worker: SimulatedWorker): void {
    this.zombies.push(worker)
    this.#uids += 1
    const twin = { ...worker, uid: `uid-${this.#uids}` }
    this.workers.set(worker.name, twin)
    this.#tell(worker.name)
  }

  /** A program that was taken for lost ends, and writes what it has. */
  wake(zombie: SimulatedWorker): void {
    this.zombies.splice(this.zombies.indexOf(zombie), 1)
    this.#writeOutputs(zombie)
  }

  #turnsOf(worker: SimulatedWorker): Turn[] {
    const { phase } = worker.state
    const turn = (what: string, weight: number, go: () => void): Turn => ({
      what: `${worker.name} ${what}`,
      weight,
      go,
    })
    const going = worker.isGoing ? [turn('goes', 4, () => this.#forget(worker))] : []
    if (phase === 'pending') return [...going, turn('begins', 4, () => this.#begin(worker))]
    if (phase !== 'running') return going
    return [
      ...going,
      turn('ends well', 4, () => this.#succeed(worker)),
      turn('fails', 1, () => this.#fail(worker, 'program')),
      turn('is evicted', 1, () => this.#fail(worker, 'machine')),
    ]
  }

  #begin(worker: SimulatedWorker): void {
    const { spec } = worker
    if (this.#ran.has(spec.name)) this.mishaps.push(`${spec.name} was started twice`)
    this.#ran.add(spec.name)
    for (const other of this.workers.values())
      if (other.labels['run'] === spec.labels['run'] && other.state.phase === 'running')
        this.mishaps.push(`${spec.name} runs beside ${other.name}`)
    for (const { volume } of spec.inputs) this.#readInput(spec.name, volume)
    for (const { volume } of spec.outputs)
      if (!this.volumes.has(volume) || this.volumes.get(volume) !== undefined)
        this.mishaps.push(`${spec.name} finds its output ${volume} missing, or not empty`)
    this.#become(worker, { phase: 'running', startedAt: this.#now() })
  }

  #readInput(name: string, volume: string): void {
    const content = this.volumes.get(volume)
    if (content === undefined) this.mishaps.push(`${name} finds nothing in its input ${volume}`)
    if (this.#read.has(volume) && this.#read.get(volume) !== content)
      this.mishaps.push(`${name} reads ${volume}, which has changed since it was read before`)
    this.#read.set(volume, content)
  }

  #succeed(worker: SimulatedWorker): void {
    this.#writeOutputs(worker)
    this.#become(worker, { phase: 'succeeded', ...this.#times() })
  }

  #fail(worker: SimulatedWorker, cause: 'program' | 'machine'): void {
    this.#become(worker, {
      phase: 'failed',
      ...this.#times(),
      exitCode: cause === 'program' ? 1 : 137,
      message: `by the ${cause}`,
      cause,
    })
  }

  #times = () => ({ startedAt: this.#now(), endedAt: this.#now() })

  #writeOutputs({ spec, uid }: SimulatedWorker): void {
    const written = [...spec.outputs.map(({ volume }) => volume), spec.logVolume]
    for (const volume of written)
      if (volume && this.volumes.has(volume)) this.#write(volume, `${spec.name} ${uid}`)
  }

  #write(volume: string, content: string): void {
    if (this.#read.has(volume)) this.mishaps.push(`${volume} is written after it was read`)
    this.volumes.set(volume, content)
  }

  #become(worker: SimulatedWorker, state: WorkerState): void {
    worker.state = state
    this.been.add(`${worker.name} ${state.phase}`)
    this.#tell(worker.name)
  }

  #forget({ name }: SimulatedWorker): void {
    this.workers.delete(name)
    this.#tell(name)
  }
}

const shown = ({ name, uid, labels, state }: SimulatedWorker): Worker => ({
  name,
  uid,
  labels,
  state: { ...state },
})

const measureOf = (content: string): Measure => ({
  bytes: content.length,
  files: 1,
  digest: `sha256:${content}`,
})
