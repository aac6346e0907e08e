import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { LongFirst } from './support/long-first.ts'

export default defineConfig({
  test: {
    root: new URL('../', import.meta.url).pathname,
    include: ['{functions,shared,cli,knative,tests}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'tests/cluster/**'],
    globalSetup: ['tests/support/global-postgres.ts'],
    reporters: ['default', 'tests/support/closing-line.ts'],
    // One more than the processors of a small machine: each waits for PostgreSQL now and then.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    // Without the way by which a text becomes a prototype: what needed it would fail here.
    execArgv: ['--disable-proto=delete'],
    // What Node compiles of a program is kept where `knit` keeps it: tests start the same programs again and again.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
