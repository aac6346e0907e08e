import type { ChildProcess } from 'node:child_process'
import { openSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VolumeMount, WorkerSpec } from '#shared/ports/cluster.ts'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import type { Home } from './home.ts'
import { HOST_IMAGE, type LocalImage } from './images.ts'
import { hostMounts, isWithin, mountOf } from './mounts.ts'
import { openLog } from './open-log.ts'
import { installationsOn, TOOLS } from './private-folders.ts'
import { isExecutable, requireProgram, type Sight } from './program.ts'
import { Refusal } from './refusal.ts'
import { requireNames } from './require-names.ts'
import { OWN_SKELETON, PROC_READONLY, SYS_SHOWN, type Sandbox } from './sandbox.ts'
import { isThere } from './seen.ts'
import type { Setting } from './setting.ts'
import { skeletonIn } from './skeleton.ts'
import { startSupervisor } from './start-supervisor.ts'
import { buildView, type Volume } from './view.ts'
import type { Stored } from './worker-folder.ts'

/** Starts a worker's program in a sandbox. */
export function launchInSandbox(worker: Stored, image: LocalImage, setting: Setting): ChildProcess {
  const { folder, record, uid, spec } = worker
  const sandbox = prepare(worker, image, setting)
  const { argv, env, files, opened, errorsInLog } = setting.maker(sandbox)
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
  }
  const { cpu, memory } = spec.limits
  const groups = setting.limits.make(uid, { cpu, memory, processes: setting.processes })
  const own = opened.map(
    ({ name, flags }) =>
      () =>
        openSync(join(folder, name), flags),
  )
  return startSupervisor({
    words: [
      setting.home.supervise,
      join(folder, 'begun'),
      record,
      groups.oomCounter,
      errorsInLog ? 'log' : '',
      `${groups.join.length}`,
      ...groups.join,
      ...argv,
    ],
    folder: '/',
    env: { PATH: `${TOOLS}:${setting.path}`, ...env },
    open: [() => openLog(spec, setting.home), () => openSync(join(folder, 'trouble'), 'a'), ...own],
  })
}

function prepare({ folder, spec }: Stored, image: LocalImage, setting: Setting): Sandbox {
  const { home } = setting
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
      proc: PROC_READONLY.filter((name) => isThere(`/proc/${name}`)),
      sys: SYS_SHOWN.filter((name) => isThere(`/sys/${name}`)),
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
  const resolver = isThere('/etc/resolv.conf') ? realpathSync('/etc/resolv.conf') : undefined
  if (!isHost) {
    const names = ['/etc/resolv.conf', '/etc/hosts'].filter(isThere)
    return names.map((target) => ({ source: realpathSync(target), target }))
  }
  return resolver?.startsWith('/run/') ? [{ source: resolver, target: resolver }] : []
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
