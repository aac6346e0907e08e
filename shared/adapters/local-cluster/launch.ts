import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VolumeMount, WorkerSpec } from '#shared/ports/cluster.ts'
import { volumeFolder, type Home } from './home.ts'
import { findImage, HOST_IMAGE, type LocalImage } from './images.ts'
import type { Limits } from './limits.ts'
import { hostMounts, isWithin, mountOf } from './mounts.ts'
import { installationsOn, realOf, TOOLS } from './private-folders.ts'
import { handOver } from './program-user.ts'
import { isExecutable, requireProgram, type Sight } from './program.ts'
import { Refusal } from './refusal.ts'
import { skeletonIn } from './skeleton.ts'
import {
  OWN_SKELETON,
  PROC_READONLY,
  SYS_SHOWN,
  type SandboxMaker,
  type Sandbox,
} from './sandbox.ts'
import { buildView, type Volume } from './view.ts'
import type { Stored } from './worker-folder.ts'

/** How this home runs programs; the same for all workers. */
export type Setting = {
  home: Home
  maker: SandboxMaker
  limits: Limits
  path: string
  /** Folders of this machine that no program sees. */
  hide: string[]
  /** Folders in which people keep what is theirs: programs see what they need to run. */
  privates: string[]
  devices: string[]
  /** Most processes of a worker. */
  processes: number
  /** Memory of the machine, the measure of a private /tmp where no limit is given. */
  memory: number
}

/** Starts a worker's program; throws `Refusal` when it cannot begin. The process goes on whatever becomes of this one. */
export function launch(worker: Stored, setting: Setting): ChildProcess {
  const { folder, record, uid, spec } = worker
  requireEmpty(worker, setting.home)
  const sandbox = prepare(worker, setting)
  const { argv, env, files, opened, errorsInLog } = setting.maker(sandbox)
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
  }
  const { cpu, memory } = spec.limits
  const groups = setting.limits.make(uid, { cpu, memory, processes: setting.processes })

  const descriptors: number[] = []
  const open = (path: string, flags: string) =>
    descriptors[descriptors.push(openSync(path, flags)) - 1]
  try {
    const log = openLog(spec, setting.home, open)
    const trouble = open(join(folder, 'trouble'), 'a')
    const others = opened.map(({ name, flags }) => open(join(folder, name), flags))
    const child = spawn(
      '/bin/sh',
      [
        setting.home.supervise,
        join(folder, 'begun'),
        record,
        groups.oomCounter,
        errorsInLog ? 'log' : '',
        `${groups.join.length}`,
        ...groups.join,
        ...argv,
      ],
      {
        cwd: '/',
        env: { PATH: `${TOOLS}:${setting.path}`, ...env },
        stdio: ['ignore', log, trouble, ...others],
        detached: true,
      },
    )
    child.unref()
    return child
  } finally {
    descriptors.forEach((descriptor) => closeSync(descriptor))
  }
}

/** A program may open its output by name too, as /dev/stdout. */
function openLog<T>(
  { logVolume }: WorkerSpec,
  home: Home,
  open: (path: string, flags: string) => T,
): T {
  if (!logVolume) return open('/dev/null', 'a')
  const path = join(volumeFolder(home, logVolume), 'log')
  const log = open(path, 'ax')
  handOver(path, home.user)
  return log
}

function prepare({ folder, spec }: Stored, setting: Setting): Sandbox {
  const { home } = setting
  const image = imageOf(spec, setting)
  const isHost = image.name === HOST_IMAGE
  const command = commandOf(spec, image)
  const env = { PATH: setting.path, ...image.env, HOME: '/tmp', ...spec.env }
  requireNames(spec, env)
  const view = buildView({
    base: image.base,
    volumes: volumesOf(spec, setting.home),
    files: spec.network ? networkFiles(isHost) : [],
    ...hiddenFrom(image, setting),
    folders: [image.workingDir],
  })
  requireProgram({ view, user: home.user }, command[0] ?? '', env.PATH, image.workingDir)
  const root = skeletonIn(setting.home, {
    folders: [...view.folders, ...OWN_SKELETON.folders],
    files: [...view.files, ...OWN_SKELETON.files, ...setting.devices],
    links: [...view.links, ...OWN_SKELETON.links],
  })
  return {
    view,
    root,
    rootNoexec: mountOf(root, hostMounts())?.noexec ?? false,
    folder,
    command,
    env,
    workingDir: image.workingDir,
    user: home.user,
    network: spec.network,
    tmpBytes: spec.limits.memory ?? Math.floor(setting.memory / 2),
    processes: setting.limits.enforced.processes ? undefined : setting.processes,
    devices: setting.devices,
    kernel: {
      proc: PROC_READONLY.filter((name) => existsSync(`/proc/${name}`)),
      sys: SYS_SHOWN.filter((name) => existsSync(`/sys/${name}`)),
    },
    setter: setterOf({ view, user: home.user }, command, env),
    enter: setting.home.enter,
  }
}

/** A root file system may itself lie in such a folder, as those that were unpacked by the home do. */
function hiddenFrom({ name, base }: LocalImage, { hide, privates, path }: Setting) {
  const around = (folder: string) => isWithin(base, folder)
  const shown = name === HOST_IMAGE ? installationsOn(path, privates) : []
  return {
    hide: [...hide, ...privates].filter((folder) => !around(folder)),
    show: shown.filter((folder) => !hide.some((hidden) => isWithin(folder, hidden))),
  }
}

function imageOf({ image }: WorkerSpec, { home, path }: Setting): LocalImage {
  if (image === HOST_IMAGE) {
    const plain = { entrypoint: [], cmd: [], env: { PATH: path }, workingDir: '/tmp' }
    return { name: HOST_IMAGE, source: '/', base: '/', ...plain }
  }
  const found = findImage(home, image)
  if (found) return { ...found, base: realOf(found.base) }
  const advice = `add it with \`knit local image add ${image} DIR|TAR\`, or use ${HOST_IMAGE}, the files of this machine`
  throw new Refusal('plan', `the image ${image} is not known here: ${advice}`)
}

function commandOf(spec: WorkerSpec, image: LocalImage): string[] {
  const own = spec.entrypoint.length > 0
  const entrypoint = own ? spec.entrypoint : image.entrypoint
  const args = spec.args.length > 0 || own ? spec.args : image.cmd
  const command = image.name === HOST_IMAGE && !own ? [] : [...entrypoint, ...args]
  if (command.length > 0) return command
  throw new Refusal(
    'plan',
    `the image ${image.name} has no command of its own: give the plan an entrypoint`,
  )
}

function volumesOf(spec: WorkerSpec, home: Home): Volume[] {
  const from = (mounts: VolumeMount[], writable: boolean) =>
    mounts.map(({ volume, path }) => ({
      source: volumeFolder(home, volume),
      target: path,
      writable,
    }))
  return [...from(spec.inputs, false), ...from(spec.outputs, true)]
}

/** Names are looked up with what /run may have, which is not shown; and images bring no such files that fit. */
function networkFiles(isHost: boolean): { source: string; target: string }[] {
  const resolver = existsSync('/etc/resolv.conf') ? realpathSync('/etc/resolv.conf') : undefined
  if (!isHost) {
    const names = ['/etc/resolv.conf', '/etc/hosts'].filter((path) => existsSync(path))
    return names.map((target) => ({ source: realpathSync(target), target }))
  }
  return resolver?.startsWith('/run/') ? [{ source: resolver, target: resolver }] : []
}

function requireNames(spec: WorkerSpec, env: Record<string, string>): void {
  const paths = [...spec.inputs, ...spec.outputs].map((mount) => mount.path)
  const texts = [...spec.entrypoint, ...spec.args, ...paths, ...Object.entries(env).flat()]
  if (texts.some((text) => text.includes('\0'))) {
    throw new Refusal('plan', 'no argument, variable or path may contain a NUL character')
  }
  const bad = Object.keys(env).find((name) => name === '' || name.includes('='))
  if (bad !== undefined)
    throw new Refusal('plan', `${JSON.stringify(bad)} cannot be the name of a variable`)
}

/** What this sets for the loader must not reach programs outside of the root. */
function setterOf(
  sight: Sight,
  command: string[],
  env: Record<string, string>,
): string | undefined {
  const setter = ['/usr/bin/env', '/bin/env'].find((path) => isExecutable(sight, path))
  // `env` would take such a name for a variable.
  if (setter && !command[0]?.includes('=')) return setter
  const loaders = Object.keys(env).filter((name) => /^(LD_|GLIBC_|MALLOC_)/.test(name))
  if (loaders.length === 0) return undefined
  throw new Refusal(
    'plan',
    `${loaders[0]} cannot be set here without a program /usr/bin/env in the image`,
  )
}

/** Nobody else writes here, so looking just before the program starts is enough. */
function requireEmpty({ spec }: Stored, home: Home): void {
  const log = spec.logVolume ? [{ volume: spec.logVolume, path: '/log' }] : []
  for (const { volume, path } of [...spec.outputs, ...log]) {
    const [first] = entriesOf(volumeFolder(home, volume), volume)
    if (first)
      throw new Refusal('machine', `${path} is not empty, there is ${JSON.stringify(first)}`, 1)
  }
  for (const { volume } of spec.inputs) entriesOf(volumeFolder(home, volume), volume)
}

function entriesOf(folder: string, volume: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw new Refusal('machine', `the volume ${volume} cannot be read: ${String(error)}`, 1)
  }
}
