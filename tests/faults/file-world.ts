import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { localCluster, type LocalCluster } from '#shared/adapters/local-cluster/local-cluster.ts'
import { TOOLS } from '#shared/adapters/local-cluster/private-folders.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { World } from '#shared/runtime/context.ts'
import { makeWorld } from '#tests/support/functions.ts'
import { processesOf, temporaryFolder } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'
import { removeTree } from '#shared/files/trash.ts'
import { allVolumesOf, type Worker } from '#shared/ports/cluster.ts'
import { changeOf, quiet, type Quiet } from './quiet-world.ts'

/** A quiet world whose volumes and workers are those of a local home. */
export type FileWorld = Quiet<World> & { home: FileHome }

/** The volumes and workers of a local home, in a folder that is removed at the end; its programs go on until they are told to end. */
export class FileHome {
  readonly folder: string
  /** What programs wait for: a line for each. */
  readonly signal: string
  /** An empty folder of its own, besides the home. */
  readonly scratch: () => string
  readonly remove: () => Promise<void>
  cluster: LocalCluster
  #signal: number
  #told = new Set<string>()
  #onChange: (worker: string) => void = () => {}

  constructor({ path, remove }: { path: string; remove(): Promise<void> }) {
    // In memory, where flushing takes no time.
    this.folder = mkdtempSync('/dev/shm/knit-files-')
    this.signal = join(path, 'signal')
    this.scratch = () => mkdtempSync(join(path, 'scratch-'))
    execFileSync('mkfifo', ['--mode', '644', this.signal])
    this.#signal = openSync(this.signal, 'r+')
    this.cluster = this.#open()
    this.remove = async () => {
      await this.cluster.close({ stopWorkers: true })
      closeSync(this.#signal)
      await removeTree(this.folder)
      await remove()
    }
  }

  static open = async (): Promise<FileHome> => new FileHome(await temporaryFolder('knit-files-'))

  #open(): LocalCluster {
    const env = { PATH: `${dirname(process.execPath)}:${TOOLS}` }
    const onChange = (worker: string): void => this.#onChange(worker)
    return localCluster({ folder: this.folder, env, grace: 200, onChange })
  }

  /** Another process takes the place of the one that has died, and removes what that one has left. */
  async reopen(): Promise<void> {
    this.cluster = this.#open()
    await until(() => readdirSync(join(this.folder, 'trash')).length === 0)
  }

  world(sql: Sql): FileWorld {
    const { cluster } = this
    const plain = { ...makeWorld(sql), cluster, transfers: cluster }
    const world = quiet(plain, () => this.endPrograms())
    this.#onChange = (worker) => world.events.push(changeOf(worker))
    return { ...world, home: this }
  }

  /** Waits for programs that are on their way: were time to pass meanwhile, they would be given up as never having begun. */
  async haveBegun(): Promise<void> {
    await until(async () => {
      const workers = await this.#workers()
      return workers.every(({ state: { phase } }) => phase !== 'pending')
    })
  }

  async endPrograms(): Promise<void> {
    await until(async () => {
      const workers = await this.#workers()
      const running = workers.filter(({ state: { phase } }) => phase === 'running')
      for (const { uid } of running) if (!this.#told.has(uid)) this.#tell(uid)
      return workers.every(({ state: { phase } }) => phase !== 'running' && phase !== 'pending')
    })
  }

  async #workers(): Promise<Worker[]> {
    const names = await this.cluster.listWorkers()
    const found = await Promise.all(names.map(({ name }) => this.cluster.findWorker(name)))
    return found.filter((worker) => worker !== undefined)
  }

  #tell(uid: string): void {
    this.#told.add(uid)
    writeSync(this.#signal, '\n')
  }

  /** Removes every worker and volume, and whatever else a test has left that failed. */
  async empty(): Promise<void> {
    for (const { name } of await this.cluster.listWorkers()) await this.cluster.deleteWorker(name)
    for (const name of await allVolumesOf(this.cluster)) await this.cluster.deleteVolume(name)
    for (const stray of this.strays())
      rmSync(join(this.folder, stray), { recursive: true, force: true })
  }

  /** What is there besides volumes: files, those that are held open, programs. */
  strays(): string[] {
    const parts = ['workers', 'ended', 'readable', 'trash']
    const left = parts.flatMap((part) =>
      readdirSync(join(this.folder, part)).map((name) => join(part, name)),
    )
    const drafts = readdirSync(this.folder).filter((name) => /-[0-9a-f]{12}$/.test(name))
    return [...left, ...drafts, ...this.#openFiles(), ...this.#processes()]
  }

  #processes = (): string[] => processesOf(this.folder).map((pid) => `process: ${pid}`)

  #openFiles(): string[] {
    const open = readdirSync('/proc/self/fd').map((fd) => linkAt(`/proc/self/fd/${fd}`))
    return open.filter((path) => path.startsWith(`${this.folder}/`)).map((path) => `open: ${path}`)
  }
}

/** Empty if it is gone meanwhile. */
function linkAt(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
