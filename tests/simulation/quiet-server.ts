import { test as base } from 'vitest'
import { startTestPostgres, type TestServer } from '#tests/support/global-postgres.ts'

/**
 * A test with a server of its own, as `npm run simulate` has one: where much is made and dropped beside it, connections forget where
 * they wrote their last row, and the next row lies elsewhere.
 */
export const test = base.extend<{ server: TestServer }>({
  server: [
    async ({}, use) => {
      const server = await startTestPostgres()
      await use(server)
      await server.stop()
    },
    { scope: 'file' },
  ],
})
