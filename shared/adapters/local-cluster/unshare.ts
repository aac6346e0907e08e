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
      isDeep(sandbox) ? join(folder, 'entries') : '',
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
    files: tables(sandbox),
    opened: [],
    errorsInLog: false,
  }
}

/** Words for the last `unshare`, which makes the program who it is. */
function identityOf({ uid, gid, apart }: ProgramUser): string {
  return apart ? `--setuid=${uid} --setgid=${gid}` : `--user --map-user=${uid} --map-group=${gid}`
}

const isDeep = ({ view }: Sandbox) =>
  view.entries.some((mount) => mount.kind === 'bind' && mount.deep)

/** One table, so that one process mounts everything; two where what has come along is made read-only in between. */
function tables(sandbox: Sandbox): Record<string, string> {
  const { view, root, rootNoexec, tmpBytes, devices, kernel } = sandbox
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
  const entries = [
    // Unbindable, so that binding a folder around it does not multiply what is mounted here.
    line(root, '', 'none', 'bind', 'ro', 'unbindable', ...safe(rootNoexec)),
    ...view.entries.filter(({ kind }) => kind === 'bind').map(lineOf),
  ]
  const rest = [
    ...view.entries.filter(({ kind }) => kind === 'cover').map(lineOf),
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
  ]
  return isDeep(sandbox)
    ? { entries: entries.join(''), fstab: rest.join('') }
    : { fstab: [...entries, ...rest].join('') }
}

function escape(field: string): string {
  return field.replace(
    /[ \t\n\v\f\r\\#]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )
}
