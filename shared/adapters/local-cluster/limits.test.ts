import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { findLimits } from './limits.ts'
import type { HostMount } from './mounts.ts'

/** A folder in place of a file system of cgroups. */
const test = base.extend<{ point: string }>({
  point: async ({ task }, use) => {
    const point = mkdtempSync(`/var/tmp/knit-cgroup${task.id}`)
    await use(point)
    rmSync(point, { recursive: true })
  },
})

const mountOf = (point: string, mount: Partial<HostMount>): HostMount => ({
  point,
  readonly: false,
  noexec: false,
  type: 'cgroup2',
  root: '/',
  superOptions: ['rw'],
  ...mount,
})

function group(path: string, controllers: string): void {
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'cgroup.controllers'), controllers)
  writeFileSync(join(path, 'cgroup.subtree_control'), controllers)
  writeFileSync(join(path, 'cgroup.procs'), '')
}

test('groups of version 2 are made in the highest one that is ours to share out', ({ point }) => {
  group(join(point, 'user/ours'), 'cpu memory pids')
  group(join(point, 'user/ours/knit'), 'cpu memory pids')
  group(join(point, 'user/ours/session'), '')
  const limits = findLimits([mountOf(point, {})], '0::/user/ours/session\n')

  expect(limits.enforced).toEqual({ cpu: true, memory: true, processes: true })
  const made = limits.make('id', { cpu: 0.5, memory: 1000, processes: 7 })
  const own = join(point, 'user/ours/knit/knit-id')
  expect(made).toEqual({
    join: [join(own, 'cgroup.procs')],
    oomCounter: join(own, 'memory.events'),
  })
  expect(
    Object.fromEntries(
      readdirSync(own).map((file) => [file, readFileSync(join(own, file), 'utf8')]),
    ),
  ).toEqual({
    'cpu.max': '50000 100000',
    'memory.max': '1000',
    'pids.max': '7',
  })
})

test('where nothing is delegated, nothing is said to be enforced', ({ point }) => {
  mkdirSync(join(point, 'session'))
  const limits = findLimits([mountOf(point, {})], '0::/session\n')

  expect(limits.enforced).toEqual({ cpu: false, memory: false, processes: false })
  expect(limits.make('id', { cpu: 1, memory: 1, processes: 1 })).toEqual({
    join: [],
    oomCounter: '/dev/null',
  })
})

test('groups of version 1 are made below our own, one for each controller there is', ({
  point,
}) => {
  const memory = join(point, 'memory')
  mkdirSync(join(memory, 'own'), { recursive: true })
  const mounts = [
    mountOf(memory, { type: 'cgroup', root: '/docker/x', superOptions: ['rw', 'memory'] }),
  ]
  const limits = findLimits(mounts, '4:memory:/docker/x/own\n1:cpu,cpuacct:/\n0::/\n')

  expect(limits.enforced).toEqual({ cpu: false, memory: true, processes: false })
  const { join: joined } = limits.make('id', { cpu: 1, memory: 1000, processes: 7 })
  expect(joined).toEqual([join(memory, 'own/knit-id/tasks')])
  expect(readFileSync(join(memory, 'own/knit-id/memory.limit_in_bytes'), 'utf8')).toBe('1000')
})
