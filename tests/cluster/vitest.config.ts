import { defineConfig } from 'vitest/config'

const shared = [
  'tests/cluster/*.test.ts',
  'tests/cluster/chart/*.test.ts',
  'tests/conformance/cluster.test.ts',
  'tests/conformance/event-bus.test.ts',
]
// Nothing is as it was after these.
const last = ['tests/cluster/last/*.test.ts']

export default defineConfig({
  test: {
    root: new URL('../../', import.meta.url).pathname,
    reporters: ['default', 'tests/support/closing-line.ts'],
    projects: [shared, last].map((include, groupOrder) => ({
      extends: true as const,
      test: {
        name: groupOrder === 0 ? 'together' : 'last',
        include,
        globalSetup: ['tests/cluster/setup.ts'],
        // All share one installation.
        maxWorkers: 1,
        env: { KNIT_TEST_PATIENCE: '180000' },
        testTimeout: 300_000,
        hookTimeout: 300_000,
        sequence: { groupOrder },
      },
    })),
  },
})
