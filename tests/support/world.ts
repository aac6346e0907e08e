import { test as base } from 'vitest'
import type { World } from '#shared/runtime/context.ts'
import { cloneDatabase, type Database } from './database.ts'
import { makeWorld, type TestWorld } from './functions.ts'
import type { Engine } from './running-engine.ts'

export * from './functions.ts'

/**
 * A test with a world of its own; `ctx` is that world, `engine` the same with all steps running on a real bus. The tests of
 * a file share a database, which each finds empty.
 */
export const test = base.extend<{ database: Database; ctx: TestWorld; engine: Engine }>({
  database: [
    async ({}, use) => {
      const database = await cloneDatabase()
      await use(database)
      await database.drop()
    },
    { scope: 'file' },
  ],
  ctx: async ({ database }, use) => {
    await database.empty()
    const world = makeWorld(database.sql)
    await use(world)
    await world.relay.settled()
  },
  engine: async ({ ctx }, use) => {
    // Every step, which few tests need, and which each file would load otherwise.
    const { startEngine } = await import('./running-engine.ts')
    const engine = startEngine(ctx)
    await use(engine)
    await engine.stop()
  },
})

/** The events that wait in the outbox, the oldest first. */
export async function outbox(world: World): Promise<{ type: string; data: unknown }[]> {
  return world.sql<{ type: string; data: unknown }[]>`select type, data from outbox order by id`
}
