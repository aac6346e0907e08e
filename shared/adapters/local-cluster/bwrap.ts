import { SHM_BYTES, type SandboxMaker } from './sandbox.ts'
import type { Mount } from './view.ts'

/** With bubblewrap. */
export function withBwrap({ disableUserns }: { disableUserns: boolean }): SandboxMaker {
  return (sandbox) => {
    const { root, env, network, devices, kernel } = sandbox
    const tmpfs = (path: string, bytes: number) => [
      '--perms',
      '1777',
      '--size',
      `${bytes}`,
      '--tmpfs',
      path,
    ]
    const readonly = (path: string) => ['--ro-bind', path, path]
    const args = [
      '--unshare-user',
      '--unshare-pid',
      '--unshare-ipc',
      '--unshare-uts',
      ...(network ? [] : ['--unshare-net']),
      ...(disableUserns ? ['--disable-userns'] : []),
      '--uid',
      `${sandbox.user.uid}`,
      '--gid',
      `${sandbox.user.gid}`,
      '--cap-drop',
      'ALL',
      // Whoever kills the supervisor kills the sandbox.
      '--die-with-parent',
      '--clearenv',
      ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
      '--ro-bind',
      root,
      '/',
      ...sandbox.view.entries.flatMap(argsOf),
      '--dev',
      '/dev',
      ...devices.flatMap((node) => ['--dev-bind', node, node]),
      ...tmpfs('/dev/shm', SHM_BYTES),
      '--proc',
      '/proc',
      ...kernel.proc.flatMap((name) => readonly(`/proc/${name}`)),
      ...kernel.sys.flatMap((name) => readonly(`/sys/${name}`)),
      ...tmpfs('/tmp', sandbox.tmpBytes),
      ...sandbox.view.volumes.flatMap(argsOf),
      '--remount-ro',
      '/dev',
      '--chdir',
      sandbox.workingDir,
    ]
    return {
      argv: ['bwrap', '--args', '3', '--json-status-fd', '4', '--', ...sandbox.command],
      env: {},
      files: { arguments: args.map((arg) => `${arg}\0`).join('') },
      opened: [
        { name: 'arguments', flags: 'r' },
        { name: 'status', flags: 'w' },
      ],
      errorsInLog: true,
    }
  }
}

function argsOf(mount: Mount): string[] {
  if (mount.kind === 'cover') return ['--tmpfs', mount.target, '--remount-ro', mount.target]
  // Read-only, for bubblewrap, includes whatever is mounted below.
  const kind = (mount.writable ? '--bind' : '--ro-bind') + (mount.fleeting ? '-try' : '')
  return [kind, mount.source, mount.target]
}
