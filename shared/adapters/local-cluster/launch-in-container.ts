import type { ChildProcess } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { existsSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VolumeMount, WorkerSpec } from '#shared/ports/cluster.ts'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import { bind, confinement, type Engine } from './engine.ts'
import { takeGpus } from './gpus.ts'
import type { Home } from './home.ts'
import { logOf, openLog } from './open-log.ts'
import { TOOLS } from './private-folders.ts'
import { requireNames } from './require-names.ts'
import type { Setting } from './setting.ts'
import { startSupervisor } from './start-supervisor.ts'
import { containerNameOf, writeContainer, type Container, type Stored } from './worker-folder.ts'

/** Starts a worker's program in a container of its image. */
export function launchInContainer(worker: Stored, engine: Engine, setting: Setting): ChildProcess {
  requireNames(worker.spec, worker.spec.env)
  const gpus = takeGpus(worker, engine, setting.home)
  const container = { engine, gpus }
  writeContainer(worker, container)
  return supervise(worker, container, setting, () => openLog(worker.spec, setting.home))
}

/** Goes on watching over a container that nobody watches over any more. */
export function resumeContainer(
  worker: Stored,
  container: Container,
  setting: Setting,
): ChildProcess {
  const log = logOf(worker.spec, setting.home) ?? '/dev/null'
  return supervise(worker, container, setting, () => openSync(log, 'a'), { KNIT_AGAIN: 'yes' })
}

/** By which the containers of one home are told from those of another. */
export function labelOf(home: Home): string {
  return `knit.home=${hash('sha256', home.folder).slice(0, 32)}`
}

function supervise(
  worker: Stored,
  container: Container,
  setting: Setting,
  log: () => number,
  more: NodeJS.ProcessEnv = {},
): ChildProcess {
  const { engine } = container
  const { spec, folder, record } = worker
  const { home } = setting
  const hole = randomUUID()
  const how = engine.direct ? 'direct' : 'followed'
  const namesOf = (mounts: VolumeMount[]) => mounts.map(({ volume }) => volume).join(' ')
  return startSupervisor({
    words: [home.contain, ...createWords(worker, container, setting, hole)],
    folder,
    env: {
      ...setting.env,
      PATH: `${TOOLS}:${setting.path}`,
      KNIT_ENGINE: engine.words.join(' '),
      KNIT_NAME: containerNameOf(worker),
      KNIT_IMAGE: spec.image,
      KNIT_PULL: fullName(spec.image),
      KNIT_HOLE: hole,
      KNIT_ARCH: isEmulating() ? '' : architecture(),
      KNIT_LOG: spec.logVolume ? how : 'none',
      KNIT_VOLUMES: home.volumes,
      KNIT_INPUTS: namesOf(spec.inputs),
      KNIT_OUTPUTS: namesOf(spec.outputs),
      KNIT_READABLE: home.readable,
      KNIT_GIVE: engine.name === 'docker' && home.user.apart ? 'yes' : '',
      KNIT_RECLAIM: engine.reclaim.join(' '),
      KNIT_RECORD: record,
      ...more,
    },
    open: [log, () => openSync(join(folder, 'complaints'), 'a')],
  })
}

function createWords(
  worker: Stored,
  { engine, gpus }: Container,
  setting: Setting,
  hole: string,
): string[] {
  const { spec, folder } = worker
  const { entrypoint, args } = spec
  const [program, ...rest] = entrypoint
  const direct = engine.direct ? 'passthrough' : 'json-file'
  return [
    `--name=${containerNameOf(worker)}`,
    `--label=${labelOf(setting.home)}`,
    `--label=knit.worker=${spec.name}`,
    ...confinement(engine),
    ...(spec.network ? [] : ['--network=none']),
    `--log-driver=${spec.logVolume ? direct : 'none'}`,
    ...limitWords(spec, engine, setting.processes),
    ...(gpus.length > 0 ? [`--gpus="device=${gpus.join(',')}"`] : []),
    ...mountWords(spec, engine, setting.home),
    ...envWords(spec.env, folder),
    ...(program === undefined ? [] : [`--entrypoint=${program}`]),
    hole,
    ...rest,
    ...args,
  ]
}

function limitWords({ limits }: WorkerSpec, { enforced }: Engine, processes: number): string[] {
  const { cpu, memory } = limits
  return [
    ...(enforced.cpu && cpu ? [`--cpus=${Math.max(0.01, cpu)}`] : []),
    // Swap would only make a program that has too little memory slow.
    ...(enforced.memory && memory ? [`--memory=${memory}`, `--memory-swap=${memory}`] : []),
    ...(enforced.processes ? [`--pids-limit=${processes}`] : []),
  ]
}

function mountWords({ inputs, outputs }: WorkerSpec, { name }: Engine, home: Home): string[] {
  // Podman knows the user of an image by its name too.
  const given = name === 'podman' ? ['U=true'] : []
  const words = (mounts: VolumeMount[], ...options: string[]) =>
    mounts.map(({ volume, path }) => bind(volumeFolder(home, volume), path, ...options))
  return [...words(inputs, 'readonly'), ...words(outputs, ...given)]
}

/** Every user of the machine can read arguments, so only what such a file cannot hold is among them. */
function envWords(env: Record<string, string>, folder: string): string[] {
  const isPlain = ([name, value]: [string, string]) =>
    /^[A-Za-z_][\w.-]*$/.test(name) && !/[\n\r"'`\\]/.test(value) && value.length < 8192
  const [plain, other] = [true, false].map((wanted) =>
    Object.entries(env)
      .filter((pair) => isPlain(pair) === wanted)
      .map((pair) => pair.join('=')),
  )
  // By a plain name, in the folder where it is read: podman takes a path with commas or quotes apart.
  writeFileSync(join(folder, 'env'), (plain ?? []).map((line) => `${line}\n`).join(''), {
    mode: 0o600,
  })
  return ['--env-file=env', ...(other ?? []).map((pair) => `--env=${pair}`)]
}

/** As the engines of a cluster complete a name; podman would ask which registry is meant. */
export function fullName(image: string): string {
  const [first = '', ...rest] = image.split('/')
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  if (isRegistry) return image
  return rest.length > 0 ? `docker.io/${image}` : `docker.io/library/${image}`
}

function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

/** Whether this machine runs programs of other machines too. */
function isEmulating(): boolean {
  const formats = '/proc/sys/fs/binfmt_misc'
  return existsSync(formats) && readdirSync(formats).some((name) => name.startsWith('qemu-'))
}
