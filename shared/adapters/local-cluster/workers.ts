import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { watch, type FSWatcher } from 'node:fs'
import type { Worker, WorkerSpec, WorkerState } from '#shared/ports/cluster.ts'
import { abandonContainer, endContainer } from './end-container.ts'
import { resumeContainer } from './launch-in-container.ts'
import { launch } from './launch.ts'
import { askToEnd, kill } from './processes.ts'
import { Refusal } from './refusal.ts'
import type { Setting } from './setting.ts'
import * as folder from './worker-folder.ts'
import type { Stored } from './worker-folder.ts'

export type WorkersOptions = {
  setting: Setting
  /** How long programs may take to end by themselves, in milliseconds. */
  grace: number
  onChange: (worker: string) => void
}

// Ends are told by the kernel at once; this is for ends nobody was there to tell of.
const LOOK_AGAIN = 250
// A process may hang in the kernel, on a file system that does not answer.
const UNKILLABLE = 30_000

/** The workers of one home: what is true about them is on disk, here is only who waits for what. */
export class Workers {
  #setting: Setting
  #grace: number
  #onChange: (worker: string) => void
  #watcher: FSWatcher
  #changes = new EventEmitter()
  #starting = new Set<string>()
  #told = new Set<string>()
  #deletions = new Map<string, Promise<void>>()
  #closed = false

  constructor({ setting, grace, onChange }: WorkersOptions) {
    this.#setting = setting
    this.#grace = grace
    this.#onChange = onChange
    this.#changes.setMaxListeners(0)
    this.#watcher = watch(setting.home.ended, { persistent: false }, (_, file) => {
      const [name, uid] = file?.split('.') ?? []
      if (name && uid) this.#onEnd(name, uid)
    })
  }

  /** Sees what has become of the workers while nobody looked, and removes what they needed only to run. */
  tidy(): void {
    for (const name of folder.workerNames(this.#setting.home)) {
      const worker = folder.readWorker(this.#setting.home, name)
      if (worker && isOver(this.#stateOf(worker))) this.#setting.limits.remove(worker.uid)
    }
  }

  ensure(spec: WorkerSpec): Worker {
    const existing = this.find(spec.name)
    if (existing) return existing
    folder.createWorker(this.#setting.home, spec)
    const made = this.find(spec.name)
    if (!made) throw new Error(`the worker ${spec.name} was deleted while it was made`)
    return made
  }

  release({ name, uid }: Pick<Worker, 'name' | 'uid'>): void {
    const worker = folder.readWorker(this.#setting.home, name)
    if (worker?.uid !== uid || this.#deletions.has(name) || !folder.markReleased(worker)) return
    let child: ChildProcess
    try {
      child = launch(worker, this.#setting)
    } catch (error) {
      return this.#refuse(worker, error)
    }
    this.#accompany(worker, child)
  }

  find(name: string): Worker | undefined {
    const worker = folder.readWorker(this.#setting.home, name)
    return worker && folder.workerOf(worker, this.#stateOf(worker))
  }

  list(): Worker[] {
    const names = folder.workerNames(this.#setting.home)
    return names.map((name) => this.find(name)).filter((worker) => worker !== undefined)
  }

  /** Resolves when the worker is gone if that takes no time, otherwise when it has been asked to end. */
  async delete(name: string, { force = false } = {}): Promise<void> {
    const worker = folder.readWorker(this.#setting.home, name)
    if (worker && force) return this.#letGo(worker)
    if (!worker || this.#deletions.has(name)) return
    const isQuick = !isUnderWay(this.#stateOf(worker))
    const deletion = this.#delete(worker).finally(() => this.#deletions.delete(name))
    this.#deletions.set(name, deletion)
    if (isQuick) return deletion
    deletion.catch(() => {})
  }

  /** Ends all programs. Their workers stay, as failed. */
  async stopAll(): Promise<void> {
    const names = folder.workerNames(this.#setting.home)
    await Promise.allSettled(names.map((name) => this.#stopWithHome(name)))
  }

  /** Whether nothing of it runs, nor will before somebody makes it. A suspended one is still to come. */
  isOver(name: string): boolean {
    const worker = this.find(name)
    return !worker || isOver(worker.state)
  }

  async ended(name: string): Promise<Worker> {
    for (;;) {
      const worker = this.find(name)
      if (!worker) throw new Error(`there is no worker ${name}`)
      if (this.isOver(name)) return worker
      await this.#changeOf(name, LOOK_AGAIN)
    }
  }

  /** Calls back on every change of a worker until the returned function is called. */
  listen(name: string, listener: () => void): () => void {
    this.#changes.on(name, listener)
    return () => this.#changes.off(name, listener)
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#deletions.values())
    this.#closed = true
    this.#watcher.close()
    this.tidy()
  }

  #stateOf(worker: Stored): WorkerState {
    const { name } = worker.spec
    this.#attend(worker)
    const state = folder.stateOf(worker)
    if (state) return state
    if (this.#starting.has(name)) return { phase: 'pending' }
    if (folder.giveUp(worker)) {
      const message = 'the local home ended before the program began'
      folder.writeVerdict(worker, { cause: 'machine', message })
      folder.recordEnd(worker, 125)
    }
    return folder.stateOf(worker) ?? { phase: 'pending' }
  }

  /** A container goes on when the one who watched over it has been killed. */
  #attend(worker: Stored): void {
    const container = folder.containerOf(worker)
    if (!container || this.#closed || this.#starting.has(worker.spec.name)) return
    if (!folder.isUnattended(worker)) return
    this.#accompany(worker, resumeContainer(worker, container, this.#setting))
  }

  #accompany(worker: Stored, child: ChildProcess): void {
    const { name } = worker.spec
    this.#starting.add(name)
    child.once('error', () => {})
    child.once('close', () => {
      this.#starting.delete(name)
      this.#onEnd(name, worker.uid)
    })
    // A sandbox has begun at once; a container goes through stages.
    if (!folder.containerOf(worker)) return
    const stages = watch(worker.folder, { persistent: false })
    stages.on('change', (_, file) => file === 'stage' && !this.#closed && this.#tell(name))
    stages.on('error', () => {})
    child.once('close', () => stages.close())
  }

  #refuse(worker: Stored, error: unknown): void {
    const refusal = error instanceof Refusal ? error : undefined
    const message = refusal?.message ?? `the program could not be started: ${String(error)}`
    folder.writeVerdict(worker, {
      cause: refusal?.blame ?? 'machine',
      message: message.slice(0, 1000),
    })
    folder.recordEnd(worker, refusal?.exitCode ?? 125)
    this.#tellEnd(worker.spec.name, worker.uid)
  }

  /** Only a hint, so nothing is lost if it fails: whoever asks about the worker will see why. */
  #onEnd(name: string, uid: string): void {
    if (this.#closed) return
    try {
      this.#tellEnd(name, uid)
    } catch {
      this.#tell(name)
    }
  }

  /** The end is recorded when everything of the sandbox has ended; what there was of it can go. */
  #tellEnd(name: string, uid: string): void {
    if (this.#told.has(uid)) return
    const worker = folder.readWorker(this.#setting.home, name)
    if (worker?.uid !== uid || isUnderWay(this.#stateOf(worker))) return
    this.#told.add(uid)
    this.#setting.limits.remove(uid)
    this.#tell(name)
  }

  #tell(name: string): void {
    this.#changes.emit(name)
    this.#onChange(name)
  }

  async #delete(worker: Stored): Promise<void> {
    await this.#stop(worker)
    await this.#forget(worker)
  }

  /** What cannot be killed, in a file system that hangs, may end whenever it does. */
  async #letGo(worker: Stored): Promise<void> {
    const container = folder.containerOf(worker)
    const supervisor = folder.supervisorOf(worker)
    if (container) abandonContainer(worker, container, this.#setting)
    else if (supervisor) kill(supervisor)
    await this.#forget(worker)
  }

  async #forget(worker: Stored): Promise<void> {
    await folder.forgetWorker(this.#setting.home, worker)
    // Its last process may be just leaving, after its end has been recorded.
    const deadline = performance.now() + UNKILLABLE
    while (!this.#setting.limits.remove(worker.uid) && performance.now() < deadline)
      await this.#changeOf(worker.spec.name, 20)
    this.#told.delete(worker.uid)
    this.#tell(worker.spec.name)
  }

  async #stopWithHome(name: string): Promise<void> {
    const worker = folder.readWorker(this.#setting.home, name)
    if (!worker || !isUnderWay(this.#stateOf(worker))) return
    const message = 'stopped with the local home'
    folder.writeVerdict(worker, { cause: 'home', message, exitCode: 143 })
    await this.#stop(worker)
    this.#setting.limits.remove(worker.uid)
  }

  async #stop(worker: Stored): Promise<void> {
    const container = folder.containerOf(worker)
    if (container && isUnderWay(this.#stateOf(worker)))
      return endContainer(worker, container, { ...this.#setting, grace: this.#grace })
    const deadline = performance.now() + this.#grace
    let asked = false
    while (isUnderWay(this.#stateOf(worker))) {
      if (performance.now() > deadline + UNKILLABLE)
        throw new Error(`${worker.spec.name} cannot be killed`)
      const supervisor = folder.supervisorOf(worker)
      const late = performance.now() >= deadline
      if (supervisor && late) kill(supervisor)
      else if (supervisor && !asked) asked = askToEnd(supervisor)
      await this.#changeOf(
        worker.spec.name,
        late || !asked ? 20 : Math.min(LOOK_AGAIN, this.#grace),
      )
    }
  }

  #changeOf(name: string, patience: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        stopListening()
        resolve()
      }
      const timer = setTimeout(done, patience)
      const stopListening = this.listen(name, done)
    })
  }
}

function isUnderWay({ phase }: WorkerState): boolean {
  return phase === 'pending' || phase === 'running'
}

function isOver({ phase }: WorkerState): boolean {
  return phase === 'succeeded' || phase === 'failed'
}
