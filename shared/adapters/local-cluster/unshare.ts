import { join } from 'node:path'
import type { ProgramUser } from './program-user.ts'
import { NODES, SHM_BYTES, type SandboxMaker, type Sandbox } from './sandbox.ts'
import type { Mount } from './view.ts'

/** With the tools of util-linux. */
export const withUnshare: SandboxMaker = (sandbox) => {
  const { root, folder, env, network, user } = sandbox
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const namespaces = ['mount', 'pid', 'ipc', 'uts', ...(network ? [] : ['net'])]
  return {
    argv: [
      // Whoever kills the supervisor kills the sandbox.
      'setpriv',
      '--no-new-privs',
      '--pdeathsig',
      'KILL',
      'unshare',
      // Root needs no privileges of a user namespace, and could not become somebody else in it.
      ...(user.apart ? [] : ['--map-root-user']),
      ...namespaces.map((name) => `--${name}`),
      '--fork',
      '--kill-child',
      'sh',
      sandbox.enter,
      join(folder, 'fstab'),
      root,
      sandbox.workingDir,
      identityOf(user),
      join(folder, 'trouble'),
      `${sandbox.processes ?? ''}`,
      network ? '' : 'loopback',
      sandbox.setter ?? '',
      `${variables.length}`,
      ...sandbox.command,
    ],
    env: Object.fromEntries(variables.map((variable, index) => [`KNIT_ENV_${index}`, variable])),
    files: { fstab: fstab(sandbox) },
    opened: [],
    errorsInLog: false,
  }
}

/** Words for the last `unshare`, which makes the program who it is. */
function identityOf({ uid, gid, apart }: ProgramUser): string {
  return apart ? `--setuid=${uid} --setgid=${gid}` : `--user --map-user=${uid} --map-group=${gid}`
}

/** One table, so that one process mounts everything. */
export function fstab({ view, root, rootNoexec, tmpBytes, devices, kernel }: Sandbox): string {
  const line = (source: string, path: string, type: string, ...options: (string | false)[]) =>
    `${escape(source)} ${escape(root + path)} ${type} ${options.filter(Boolean).join(',')} 0 0\n`
  // What a host's mount has of these cannot be given up in a namespace of less privilege.
  const safe = (noexec: boolean) => ['nosuid', 'nodev', noexec && ('noexec' as const)]
  const tmpfs = (path: string, bytes: number) =>
    line('tmpfs', path, 'tmpfs', 'mode=1777', `size=${bytes}`, ...safe(false))
  const lineOf = (mount: Mount) => {
    const path = mount.target
    if (mount.kind === 'cover') {
      return line('tmpfs', path, 'tmpfs', 'ro', 'size=4k', 'mode=755', ...safe(false))
    }
    if (mount.kind === 'make-readonly') {
      return line('none', path, 'none', 'remount', 'bind', 'ro', ...safe(mount.noexec))
    }
    const kind = mount.deep ? 'rbind' : 'bind'
    const isNew = /^\/(tmp|dev\/shm)\//.test(path) && 'X-mount.mkdir'
    return line(
      mount.source,
      path,
      'none',
      kind,
      !mount.writable && 'ro',
      ...safe(mount.noexec),
      isNew,
      mount.fleeting && 'nofail',
    )
  }
  return [
    // Unbindable, so that binding a folder around it does not multiply what is mounted here.
    line(root, '', 'none', 'bind', 'ro', 'unbindable', ...safe(rootNoexec)),
    ...view.entries.map(lineOf),
    ...NODES.concat(devices).map((node) => line(node, node, 'none', 'bind')),
    line(
      'devpts',
      '/dev/pts',
      'devpts',
      'newinstance',
      'ptmxmode=0666',
      'mode=620',
      'nosuid',
      'noexec',
    ),
    tmpfs('/dev/shm', SHM_BYTES),
    line('proc', '/proc', 'proc', ...safe(true)),
    ...kernel.proc.map((name) =>
      line(`${root}/proc/${name}`, `/proc/${name}`, 'none', 'bind', 'ro', ...safe(true)),
    ),
    ...kernel.sys.map((name) =>
      line(`/sys/${name}`, `/sys/${name}`, 'none', 'bind', 'ro', ...safe(true)),
    ),
    tmpfs('/tmp', tmpBytes),
    ...view.volumes.map(lineOf),
  ].join('')
}

function escape(field: string): string {
  return field.replace(
    /[ \t\n\v\f\r\\#]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )
}
