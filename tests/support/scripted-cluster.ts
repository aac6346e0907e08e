import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { whole } from '#shared/domain/archive-part.ts'
import type {
  Cluster,
  FileList,
  FilePart,
  Measure,
  Received,
  Transfers,
  Worker,
  WorkerSpec,
  WorkerState,
} from '#shared/ports/cluster.ts'

const empty: Measure = { bytes: 0, files: 0, digest: 'sha256:empty' }

/**
 * A cluster whose workers end when the test says so: for faults and orders of events that no real one would show on demand.
 * It executes nothing, so no test may use it to claim that something works on a machine.
 */
export class ScriptedCluster implements Cluster, Transfers {
  readonly volumes = new Map<string, Measure>()
  readonly workers = new Map<string, Worker & { spec: WorkerSpec }>()
  readonly calls: string[] = []
  /** Workers that do not go but by force. */
  readonly stuck = new Set<string>()
  readonly room = new Map([
    ['cpu', 1000],
    ['memory', 1e15],
  ])
  /** Called before each operation; a test throws from here to make it fail. */
  before: (operation: string, name: string) => void | Promise<void> = () => {}
  /** Operations that fail, each so many times more. */
  readonly failing = new Map<string, { error: Error; left: number }>()
  /** The state a worker has right after its release. */
  afterRelease: (spec: WorkerSpec) => WorkerState = () => ({
    phase: 'running',
    startedAt: new Date(),
  })
  onChange: (worker: string) => void = () => {}
  #uids = 0

  async #call(operation: string, name: string): Promise<void> {
    this.calls.push(`${operation} ${name}`)
    await this.before(operation, name)
    const failure = this.failing.get(operation)
    if (!failure || failure.left === 0) return
    failure.left -= 1
    throw failure.error
  }

  async ensureVolume({ name }: { name: string }): Promise<void> {
    await this.#call('ensureVolume', name)
    if (!this.volumes.has(name)) this.volumes.set(name, empty)
  }

  async deleteVolume(name: string): Promise<void> {
    await this.#call('deleteVolume', name)
    this.volumes.delete(name)
  }

  /** Volumes that are made and have no room yet. */
  readonly pending = new Set<string>()

  async adoptVolume(name: string): Promise<'ready' | 'pending' | 'absent'> {
    await this.#call('adoptVolume', name)
    if (this.pending.has(name)) return 'pending'
    return this.volumes.has(name) ? 'ready' : 'absent'
  }

  async listVolumes(): Promise<AsyncIterable<string[]>> {
    return Readable.from([[...this.volumes.keys()]])
  }

  async measureVolume(name: string): Promise<Measure | undefined> {
    await this.#call('measureVolume', name)
    return this.volumes.get(name)
  }

  async ensureWorker(spec: WorkerSpec): Promise<Worker> {
    await this.#call('ensureWorker', spec.name)
    const there = this.workers.get(spec.name)
    if (there) return there
    this.#uids += 1
    const worker: Worker = {
      name: spec.name,
      uid: `uid-${this.#uids}`,
      labels: spec.labels,
      state: { phase: 'suspended' },
    }
    this.workers.set(spec.name, { ...worker, spec })
    return worker
  }

  async releaseWorker({ name, uid }: { name: string; uid: string }): Promise<void> {
    await this.#call('releaseWorker', name)
    const worker = this.workers.get(name)
    if (worker?.uid !== uid || worker.state.phase !== 'suspended') return
    worker.state = this.afterRelease(worker.spec)
    this.onChange(name)
  }

  async findWorker(name: string): Promise<Worker | undefined> {
    await this.#call('findWorker', name)
    return this.workers.get(name)
  }

  async listWorkers(): Promise<Worker[]> {
    return [...this.workers.values()]
  }

  async deleteWorker(name: string, { force = false } = {}): Promise<void> {
    await this.#call(force ? 'forceWorker' : 'deleteWorker', name)
    if (!force && this.stuck.has(name)) return
    if (this.workers.delete(name)) this.onChange(name)
  }

  async capacity(): Promise<ReadonlyMap<string, number>> {
    return this.room
  }

  /** Comes to stand as another does, and goes its own way from there. */
  become(other: ScriptedCluster): void {
    const { volumes, workers, stuck, pending, room, failing } = other
    volumes.forEach((measure, name) => this.volumes.set(name, measure))
    workers.forEach((worker, name) => this.workers.set(name, { ...worker }))
    stuck.forEach((name) => this.stuck.add(name))
    pending.forEach((name) => this.pending.add(name))
    room.forEach((amount, name) => this.room.set(name, amount))
    failing.forEach((failure, operation) => this.failing.set(operation, { ...failure }))
    this.before = other.before
    this.afterRelease = other.afterRelease
    this.#uids = other.#uids
  }

  /** The test's word on a worker, as if it had happened. */
  set(name: string, state: WorkerState): void {
    const worker = this.workers.get(name)
    if (!worker) throw new Error(`there is no worker ${name}`)
    worker.state = state
    this.onChange(name)
  }

  async receive(volume: string, archive: Readable, { from, last } = whole): Promise<Received> {
    await this.#call('receive', volume)
    const content = await buffer(archive)
    const bytes = from + content.length
    if (!last) return { bytes, md5: hash('md5', content) }
    const measure = { bytes, files: 1, digest: `sha256:${bytes}` }
    this.volumes.set(volume, measure)
    return { bytes, md5: hash('md5', content), measure }
  }

  async send(volume: string): Promise<Readable> {
    await this.#call('send', volume)
    return Readable.from([])
  }

  async listFiles(volume: string): Promise<FileList> {
    await this.#call('listFiles', volume)
    return { files: [] }
  }

  async readFile(volume: string): Promise<FilePart> {
    await this.#call('readFile', volume)
    return { size: 0, from: 0, bytes: 0, content: Readable.from([]) }
  }

  async readLog(volume: string): Promise<Readable> {
    await this.#call('readLog', volume)
    return Readable.from([])
  }

  async tidyTransfers(): Promise<void> {
    await this.#call('tidyTransfers', '')
  }

  async followLog(worker: string): Promise<Readable> {
    await this.#call('followLog', worker)
    return Readable.from([])
  }
}

/** How a program ends well. */
export const succeeded = (): WorkerState => ({
  phase: 'succeeded',
  startedAt: new Date(),
  endedAt: new Date(),
})

/** How it ends badly. */
export const failed = (
  exitCode = 1,
  cause: 'program' | 'machine' | 'plan' = 'program',
): WorkerState => ({
  phase: 'failed',
  startedAt: new Date(),
  endedAt: new Date(),
  exitCode,
  message: '(container main) Error',
  cause,
})
