import { randomUUID } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { resolve } from 'node:path'
import type { Cluster, Transfers, WorkerSpec } from '#shared/ports/cluster.ts'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import { emptyTrash } from '#shared/files/trash.ts'
import { removeStrays } from './end-container.ts'
import type { Engine } from './engine.ts'
import { follow } from './follow.ts'
import { GPU } from './gpus.ts'
import { dropSkeletons, openHome } from './home.ts'
import * as images from './images.ts'
import type { LocalImage } from './images.ts'
import type { Setting } from './setting.ts'
import { findLimits, type Enforced } from './limits.ts'
import { privateFolders, realOf, TOOLS } from './private-folders.ts'
import { Refusal } from './refusal.ts'
import type { SandboxMaker } from './sandbox.ts'
import { chooseSandbox, type SandboxName } from './sandboxes.ts'
import { volumesIn } from './volumes.ts'
import { Workers } from './workers.ts'

export type LocalClusterOptions = {
  /** Where all state is kept. One process at a time may use it. */
  folder: string
  /** Folders programs find empty, besides the one above. */
  hide?: string[]
  env?: NodeJS.ProcessEnv
  /** Called soon after a worker has ended or is gone. A hint: ask `findWorker` what is true. */
  onChange?: (worker: string) => void
  /** How long programs may take to end by themselves when they are stopped, in milliseconds. */
  grace: number
  /** Chosen by what is installed if not given. */
  sandbox?: SandboxName
  /** What runs images that were not added to the home; without one there are no others. */
  engine?: Engine | undefined
  /** Most processes of a worker. */
  processes?: number
  /** Device nodes of the host that programs may use, such as `/dev/nvidia0`. */
  devices?: string[]
}

export type LocalCluster = Cluster &
  Transfers & {
    readonly engine: Engine['name'] | 'sandbox'
    /** Which limits this machine lets us enforce. */
    readonly limitsEnforced: Enforced
    /** Tries the sandbox; the reason, if programs cannot be run here. */
    check(): Promise<string | undefined>
    addImage(name: string, source: string): Promise<LocalImage>
    listImages(): Promise<LocalImage[]>
    removeImage(name: string): Promise<void>
    /** Without `stopWorkers` programs go on, and are found again by the next one to open the folder. */
    close(options: { stopWorkers: boolean }): Promise<void>
  }

const CHECK = 'check-'

/** Runs programs on this Linux machine: in a sandbox of namespaces, or in containers where it has an engine. */
export function localCluster(options: LocalClusterOptions): LocalCluster {
  const { hide = [], grace, processes = 8192, devices = [], onChange = () => {} } = options
  const { engine, env = {} } = options
  const path = env['PATH'] || TOOLS
  const home = openHome(resolve(options.folder))
  const folder = realpathSync(options.folder)
  const choose = () => chooseSandbox(`${TOOLS}:${path}`, home.user, options.sandbox)
  const maker = engine ? orRefusing(choose) : choose()
  const limits = findLimits()
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  const setting: Setting = {
    home,
    maker,
    engine,
    env,
    limits,
    path,
    hide: [folder, ...hide.map(realOf)],
    privates: privateFolders(env),
    devices,
    processes,
    memory,
  }
  const tell = (worker: string) => worker.startsWith(CHECK) || onChange(worker)
  const workers = new Workers({ setting, grace, onChange: tell })
  workers.tidy()
  dropSkeletons(home)
  const tidied = Promise.all([emptyTrash(home), engine && removeStrays(engine, { home, env })])
  tidied.catch(() => {})

  return {
    ...volumesIn(home),
    engine: engine?.name ?? 'sandbox',
    limitsEnforced: limits.enforced,
    ensureWorker: async (spec) => workers.ensure(spec),
    releaseWorker: async (worker) => workers.release(worker),
    findWorker: async (name) => workers.find(name),
    listWorkers: async () => workers.list(),
    deleteWorker: (name, options) => workers.delete(name, options),
    async capacity() {
      return new Map([
        ['cpu', availableParallelism()],
        ['memory', memory],
        ...(engine && engine.gpus > 0 ? [[GPU, engine.gpus] as const] : []),
      ])
    },
    async tidyTransfers() {},
    async followLog(worker, volume, signal) {
      const isOver = () => workers.isOver(worker)
      const listen = (listener: () => void) => workers.listen(worker, listener)
      return follow({ folder: volumeFolder(home, volume), file: 'log', isOver, listen, signal })
    },
    check: () => check(workers),
    addImage: (name, source) => images.addImage(home, name, source),
    listImages: async () => images.listImages(home),
    removeImage: (name) => images.removeImage(home, name),
    async close({ stopWorkers }) {
      if (stopWorkers) await workers.stopAll()
      await workers.close()
      await tidied
    },
  }
}

/** Where there is an engine a sandbox is not needed before a plan asks for this machine. */
function orRefusing(choose: () => SandboxMaker): SandboxMaker {
  try {
    return choose()
  } catch (error) {
    return () => {
      throw new Refusal('machine', (error as Error).message)
    }
  }
}

/** Runs a program that does nothing, to see whether programs can be run. */
async function check(workers: Workers): Promise<string | undefined> {
  const name = CHECK + randomUUID()
  const nothing = {
    labels: {},
    args: [],
    env: {},
    inputs: [],
    outputs: [],
    limits: {},
    network: false,
  }
  const onNode = { may: [], prefer: [], must: [] }
  const spec: WorkerSpec = {
    name,
    image: images.HOST_IMAGE,
    entrypoint: ['true'],
    onNode,
    ...nothing,
  }
  try {
    workers.release(workers.ensure(spec))
    const { state } = await workers.ended(name)
    return state.phase === 'failed' ? state.message : undefined
  } finally {
    await workers.delete(name)
  }
}
