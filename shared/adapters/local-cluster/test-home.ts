import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test as base, vi } from 'vitest'
import type { Worker, WorkerSpec, WorkerState } from '#shared/ports/cluster.ts'
import { removeTree } from '#shared/files/trash.ts'
import { workerThat } from '#tests/support/worker-spec.ts'
import { chooseSandbox, type SandboxName } from './sandboxes.ts'
import { HOST_IMAGE } from './images.ts'
import { TOOLS } from './private-folders.ts'
import { programUser } from './program-user.ts'
import { localCluster, type LocalCluster, type LocalClusterOptions } from './local-cluster.ts'

/** For tests: a home of its own that leaves nothing behind, and short ways to say what is usual. */
export type TestHome = {
  folder: string
  /** A folder of the test's own. */
  scratch: string
  /** Names of workers that changed, in order. */
  changes: string[]
  open(options?: Partial<LocalClusterOptions>): LocalCluster
  volume(cluster: LocalCluster): Promise<string>
  file(volume: string, path: string): string
  /** Runs a worker to its end. */
  run(cluster: LocalCluster, spec: Partial<WorkerSpec>): Promise<WorkerState & { log: string }>
  /** Runs a script of `sh` with more arguments. */
  sh(
    cluster: LocalCluster,
    script: string,
    spec?: Partial<WorkerSpec>,
  ): Promise<WorkerState & { log: string }>
}

export const sandboxes = (['unshare', 'bwrap'] as const).filter((name) => isUsable(name))

// Not below /tmp, which no program sees; and with a name that would tell of any careless quoting.
const PLACE = `/var/tmp/knit it's a "test" \\ `

export const test = base.extend<{ home: TestHome }>({
  home: async ({ task }, use) => {
    const folder = mkdtempSync(PLACE + task.id)
    const scratch = mkdtempSync(`/var/tmp/knit-scratch${task.id}`)
    // Programs look into it.
    chmodSync(scratch, 0o755)
    const opened: LocalCluster[] = []
    const changes: string[] = []
    const home: TestHome = {
      folder,
      scratch,
      changes,
      open(options) {
        const onChange = (name: string) => changes.push(name)
        const env = { PATH: `${dirname(process.execPath)}:${TOOLS}` }
        const cluster = localCluster({ folder, env, grace: 200, onChange, ...options })
        opened.push(cluster)
        return cluster
      },
      async volume(cluster) {
        const name = `data-knitid-${randomUUID()}`
        await cluster.ensureVolume({ name, labels: {} })
        return name
      },
      file: (volume, path) => join(folder, 'volumes', volume, path),
      async run(cluster, spec) {
        const logVolume = spec.logVolume ?? (await home.volume(cluster))
        const worker = await start(cluster, { logVolume, ...spec })
        const state = await endOf(cluster, worker.name)
        let log = ''
        try {
          log = readFileSync(home.file(logVolume, 'log'), 'utf8')
        } catch {
          // It did not come that far.
        }
        return { ...state, log }
      },
      sh: (cluster, script, spec = {}) =>
        home.run(cluster, { ...spec, entrypoint: ['sh', '-c', script, 'sh'] }),
    }
    await use(home)
    for (const cluster of opened) await cluster.close({ stopWorkers: true })
    await removeTree(folder)
    await removeTree(scratch)
  },
})

export const workerSpec = (spec: Partial<WorkerSpec> = {}): WorkerSpec =>
  workerThat({
    name: `worker-run-${randomUUID()}-1`,
    image: HOST_IMAGE,
    entrypoint: ['true'],
    ...spec,
  })

export async function start(
  cluster: LocalCluster,
  spec: Partial<WorkerSpec> = {},
): Promise<Worker> {
  const worker = await cluster.ensureWorker(workerSpec(spec))
  await cluster.releaseWorker(worker)
  return worker
}

export async function endOf(cluster: LocalCluster, name: string): Promise<WorkerState> {
  return eventually(async () => {
    const state = (await cluster.findWorker(name))?.state
    if (state?.phase !== 'succeeded' && state?.phase !== 'failed')
      throw new Error(`${name} is ${state?.phase}`)
    return state
  })
}

/** What something comes to, once it no longer throws. */
export function eventually<T>(condition: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(condition, { interval: 5, timeout: 20_000 })
}

function isUsable(name: SandboxName): boolean {
  try {
    chooseSandbox(TOOLS, programUser(), name)
    return true
  } catch {
    return false
  }
}

/** Starts a worker from another process, which is killed as soon as `begun` no longer throws. */
export async function startAndDie(
  home: TestHome,
  spec: WorkerSpec,
  options: Pick<LocalClusterOptions, 'sandbox' | 'engine'>,
  begun: () => unknown,
): Promise<void> {
  const module = new URL('./local-cluster.ts', import.meta.url).href
  const script = `
    const { localCluster } = await import(${JSON.stringify(module)})
    const options = ${JSON.stringify({ folder: home.folder, grace: 200, ...options })}
    const cluster = localCluster({ ...options, env: process.env })
    await cluster.releaseWorker(await cluster.ensureWorker(${JSON.stringify(spec)}))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: 'inherit',
  })
  try {
    await eventually(begun)
  } finally {
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
  }
}
