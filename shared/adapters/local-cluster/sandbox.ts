import type { ProgramUser } from './program-user.ts'
import type { View } from './view.ts'

/** Everything about one run of a program, decided; a maker turns it into a command. */
export type Sandbox = {
  view: View
  /** The skeleton of the view, on disk. */
  root: string
  rootNoexec: boolean
  /** Where the files of its maker belong. */
  folder: string
  command: string[]
  env: Record<string, string>
  workingDir: string
  user: ProgramUser
  /** Whether the program shares the network of the host. */
  network: boolean
  tmpBytes: number
  /** Most processes at a time, where no cgroup counts them. */
  processes: number | undefined
  /** Device nodes of the host beyond the harmless ones. */
  devices: string[]
  /** Which of PROC_READONLY and SYS_SHOWN this host has. */
  kernel: { proc: string[]; sys: string[] }
  /** The program in the root that sets variables, if there is one. */
  setter: string | undefined
  enter: string
}

/** How to run it. Every user of the machine can read the arguments, but neither the environment nor the files. */
export type Command = {
  argv: string[]
  env: Record<string, string>
  /** To be written into the folder beforehand, by name. */
  files: Record<string, string>
  /** Files in the folder that the command finds open from descriptor 3 on. */
  opened: { name: string; flags: 'r' | 'w' }[]
  /** Whether errors in making it can only go where the program's go. */
  errorsInLog: boolean
}

export type SandboxMaker = (sandbox: Sandbox) => Command

export const SHM_BYTES = 2 ** 30
export const NODES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map(
  (name) => `/dev/${name}`,
)
// Root may write to these without any capability, and some reach the whole machine.
export const PROC_READONLY = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs', 'acpi', 'scsi']
export const SYS_SHOWN = ['block', 'bus', 'class', 'dev', 'devices']

/** What the skeleton needs beyond the view, for the mounts that every sandbox has. */
export const OWN_SKELETON = {
  folders: ['/dev/pts', '/dev/shm', ...SYS_SHOWN.map((name) => `/sys/${name}`)],
  files: NODES,
  links: [
    { path: '/dev/ptmx', target: 'pts/ptmx' },
    { path: '/dev/fd', target: '/proc/self/fd' },
    { path: '/dev/stdin', target: '/proc/self/fd/0' },
    { path: '/dev/stdout', target: '/proc/self/fd/1' },
    { path: '/dev/stderr', target: '/proc/self/fd/2' },
  ],
}
