import { defineConfig } from 'vitest/config'

const together = [
  'tests/cluster/*.test.ts',
  'tests/cluster/chart/*.test.ts',
  'tests/conformance/cluster.test.ts',
  'tests/conformance/event-bus.test.ts',
]
// What a cluster has to bear: for an hour and more, with --all.
const fire = ['tests/cluster/fire/*.test.ts']
// The release goes, and comes back.
const again = ['tests/cluster/again/*.test.ts']
// There is no release any more after these.
const last = ['tests/cluster/last/*.test.ts']
// There is another in its place.
const shared = ['tests/cluster/shared/*.test.ts']

export default defineConfig({
  test: {
    root: new URL('../../', import.meta.url).pathname,
    reporters: ['default', 'tests/support/closing-line.ts'],
    projects: Object.entries({ together, fire, again, last, shared }).map(
      ([name, include], index) => ({
        extends: true as const,
        test: {
          name,
          include,
          globalSetup: ['tests/cluster/setup.ts'],
          // All share one installation.
          maxWorkers: 1,
          env: { KNIT_TEST_PATIENCE: '180000' },
          testTimeout: name === 'fire' ? 1_800_000 : 300_000,
          hookTimeout: 300_000,
          // A project of one worker and of order 0 comes after all others.
          sequence: { groupOrder: index + 1 },
        },
      }),
    ),
  },
})
