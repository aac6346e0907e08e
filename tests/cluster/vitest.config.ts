import { defineConfig } from 'vitest/config'
import { AsListed } from './as-listed.ts'

type Project = {
  files: string[]
  /** How many files at a time. */
  atATime?: number
  timeout?: number
}

/** All share one installation, one project after the other, with its files in this order. A file that another project names is none of it. */
const projects: Record<string, Project> = {
  // These bear nobody beside them, or every function is asked: as long as all have the Pods with which they were installed.
  alone: {
    files: [
      'tests/cluster/web-api.test.ts',
      'tests/cluster/strangers.test.ts',
      'tests/cluster/quota.test.ts',
      'tests/cluster/restricted.test.ts',
      'tests/cluster/lost-rights.test.ts',
    ],
  },
  // What others do meanwhile is nothing to these: each has runs, data and plans, or a namespace, of its own. What takes long comes first.
  together: {
    files: [
      'tests/conformance/cluster.test.ts',
      'tests/cluster/chart/server.test.ts',
      'tests/cluster/kubernetes-cluster.test.ts',
      'tests/cluster/demo.test.ts',
      'tests/cluster/runs.test.ts',
      'tests/cluster/clients.test.ts',
      'tests/cluster/volumes.test.ts',
      'tests/cluster/hooks.test.ts',
      'tests/conformance/event-bus.test.ts',
      'tests/cluster/*.test.ts',
    ],
    atATime: 2,
  },
  // No function is asked for anything, so that they fall asleep meanwhile.
  apart: {
    files: [
      'tests/cluster/chart/uninstall.test.ts',
      'tests/cluster/chart/*.test.ts',
      'tests/cluster/unreachable.test.ts',
      'tests/cluster/rights.test.ts',
    ],
    atATime: 2,
  },
  // Pods of ours are killed, or replaced by those of an upgrade.
  late: {
    files: [
      'tests/cluster/idle.test.ts',
      'tests/cluster/under-fire.test.ts',
      'tests/cluster/certificate.test.ts',
    ],
  },
  // What a cluster has to bear: for an hour and more, with --all.
  fire: { files: ['tests/cluster/fire/*.test.ts'], timeout: 1_800_000 },
  // The release goes, and comes back.
  again: { files: ['tests/cluster/again/*.test.ts'] },
  // There is no release any more after these.
  last: { files: ['tests/cluster/last/*.test.ts'] },
  // There is another in its place.
  shared: { files: ['tests/cluster/shared/*.test.ts'] },
}

const named = Object.values(projects).flatMap(({ files }) => files)

export default defineConfig({
  test: {
    root: new URL('../../', import.meta.url).pathname,
    reporters: ['default', 'tests/support/closing-line.ts'],
    sequence: { sequencer: AsListed },
    projects: Object.entries(projects).map(
      ([name, { files, atATime = 1, timeout = 300_000 }], index) => ({
        extends: true as const,
        test: {
          name,
          include: files,
          exclude: named.filter((path) => !path.includes('*') && !files.includes(path)),
          globalSetup: ['tests/cluster/setup.ts'],
          maxWorkers: atATime,
          env: { KNIT_TEST_PATIENCE: '180000' },
          testTimeout: timeout,
          hookTimeout: 300_000,
          // A project of one worker and of order 0 comes after all others.
          sequence: { groupOrder: index + 1 },
        },
      }),
    ),
  },
})
