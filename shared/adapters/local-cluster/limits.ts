import { randomUUID } from 'node:crypto'
import {
  accessSync,
  appendFileSync,
  constants,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { codeOf } from '#shared/files/error-code.ts'
import { hostMounts, isWithin, type HostMount } from './mounts.ts'

export type Enforced = { cpu: boolean; memory: boolean; processes: boolean }
export type Amounts = { cpu?: number | undefined; memory?: number | undefined; processes: number }

/** Control groups of this machine, as far as we may make some. */
export type Limits = {
  enforced: Enforced
  /** Makes the groups of a worker: the files a process writes 0 to in order to join, and the one that counts. */
  make(id: string, amounts: Amounts): { join: string[]; oomCounter: string }
  /** Removes them; false while something is running in them. */
  remove(id: string): boolean
}

const PREFIX = 'knit-'
const PERIOD = 100_000
const quotaOf = (cores: number) => Math.max(1000, Math.round(cores * PERIOD))

export function findLimits(
  mounts: HostMount[] = hostMounts(),
  membership = readFileSync('/proc/self/cgroup', 'utf8'),
): Limits {
  return versionTwo(mounts, membership) ?? versionOne(mounts, membership)
}

/** One hierarchy per controller. */
function versionOne(mounts: HostMount[], membership: string): Limits {
  const find = (controller: string) => {
    const mount = mounts.find(
      ({ type, superOptions }) => type === 'cgroup' && superOptions.includes(controller),
    )
    const line = membership
      .split('\n')
      .find((row) => row.split(':')[1]?.split(',').includes(controller))
    const parent = mount && line && placeOf(mount, line)
    return parent && mayMakeGroups(parent) ? parent : undefined
  }
  const [cpu, memory, pids] = ['cpu', 'memory', 'pids'].map(find)
  const parents = [...new Set([cpu, memory, pids])].filter((parent) => parent !== undefined)
  return {
    enforced: {
      cpu: cpu !== undefined,
      memory: memory !== undefined,
      processes: pids !== undefined,
    },
    make(id, amounts) {
      const groupIn = (parent: string) => join(parent, PREFIX + id)
      for (const parent of parents) mkdirSync(groupIn(parent), { recursive: true })
      const set = (parent: string | undefined, file: string, value: number | undefined) => {
        if (parent && value !== undefined) writeFileSync(join(groupIn(parent), file), `${value}`)
      }
      set(cpu, 'cpu.cfs_period_us', amounts.cpu ? PERIOD : undefined)
      set(cpu, 'cpu.cfs_quota_us', amounts.cpu ? quotaOf(amounts.cpu) : undefined)
      set(memory, 'memory.limit_in_bytes', amounts.memory)
      set(pids, 'pids.max', amounts.processes)
      const oomCounter = memory ? join(groupIn(memory), 'memory.oom_control') : '/dev/null'
      // A single thread joins at once; for `cgroup.procs` the kernel waits until all processors have noticed (8 ms).
      return { join: parents.map((parent) => join(groupIn(parent), 'tasks')), oomCounter }
    },
    remove: (id) => parents.map((parent) => removeGroup(join(parent, PREFIX + id))).every(Boolean),
  }
}

/** One hierarchy for all; groups with processes of their own cannot have limited ones below. */
function versionTwo(mounts: HostMount[], membership: string): Limits | undefined {
  const mount = mounts.find(({ type }) => type === 'cgroup2')
  const line = membership.split('\n').find((row) => row.startsWith('0::'))
  const delegated = mount && line && highestWritable(mount.point, placeOf(mount, line))
  if (!delegated || !controllersOf(delegated).includes('memory')) return undefined

  const parent = join(delegated, 'knit')
  enableControllers(delegated)
  mkdirSync(parent, { recursive: true })
  enableControllers(parent)
  const enabled = readFileSync(join(parent, 'cgroup.subtree_control'), 'utf8')
  if (!enabled.includes('memory')) return undefined
  const has = (controller: string) => enabled.includes(controller)
  return {
    enforced: { cpu: has('cpu'), memory: has('memory'), processes: has('pids') },
    make(id, amounts) {
      const group = join(parent, PREFIX + id)
      mkdirSync(group, { recursive: true })
      const set = (controller: string, file: string, value: string | number | undefined) => {
        if (has(controller) && value !== undefined) writeFileSync(join(group, file), `${value}`)
      }
      set('cpu', 'cpu.max', amounts.cpu ? `${quotaOf(amounts.cpu)} ${PERIOD}` : undefined)
      set('memory', 'memory.max', amounts.memory)
      set('pids', 'pids.max', amounts.processes)
      return {
        join: [join(group, 'cgroup.procs')],
        oomCounter: has('memory') ? join(group, 'memory.events') : '/dev/null',
      }
    },
    remove: (id) => removeGroup(join(parent, PREFIX + id)),
  }
}

function enableControllers(group: string): void {
  const file = join(group, 'cgroup.subtree_control')
  for (const controller of ['cpu', 'memory', 'pids']) {
    try {
      if (controllersOf(group).includes(controller)) appendFileSync(file, `+${controller}`)
    } catch {
      // What is enabled in the end, the file says.
    }
  }
}

function controllersOf(group: string): string[] {
  try {
    return readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' ')
  } catch {
    return []
  }
}

/** Our own group, which the mount may show only in part. */
function placeOf(mount: HostMount, line: string): string {
  const own = line.split(':').slice(2).join(':')
  return join(mount.point, isWithin(own, mount.root) ? own.slice(mount.root.length) : '')
}

function highestWritable(top: string, own: string): string | undefined {
  let found: string | undefined
  for (let group = own; isWithin(group, top); group = dirname(group)) {
    if (!isWritable(group, 'cgroup.procs', 'cgroup.subtree_control')) break
    found = group
  }
  return found
}

function isWritable(group: string, ...files: string[]): boolean {
  try {
    for (const path of [group, ...files.map((file) => join(group, file))])
      accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function mayMakeGroups(parent: string): boolean {
  const attempt = join(parent, `${PREFIX}try-${randomUUID()}`)
  try {
    mkdirSync(attempt)
    rmdirSync(attempt)
    return true
  } catch {
    return false
  }
}

function removeGroup(group: string): boolean {
  try {
    rmdirSync(group)
    return true
  } catch (error) {
    return codeOf(error) !== 'EBUSY'
  }
}
