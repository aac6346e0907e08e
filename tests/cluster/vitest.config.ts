import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: new URL('../../', import.meta.url).pathname,
    include: ['tests/cluster/**/*.test.ts'],
    reporters: ['default', 'tests/support/closing-line.ts'],
    // All share one installation.
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
