import { expect, onTestFinished, test } from 'vitest'
import { createRelay } from '#shared/runtime/relay.ts'
import { cloneDatabase } from '#tests/support/database.ts'
import { makeWorld } from '#tests/support/functions.ts'
import { openDoor } from './door.ts'

test('a home with nothing to do asks its database at most 0.65 times a second', async () => {
  let statements = 0
  const { sql, drop } = await cloneDatabase({ debug: () => void (statements += 1) })
  onTestFinished(drop)
  const world = makeWorld(sql)
  Object.assign(world.config, { host: '127.0.0.1', port: 0 })
  world.relay = createRelay(sql, world.bus, world.log)
  const door = await openDoor(world)
  onTestFinished(() => door.close())
  const turns = 12
  const idle = async () => {
    for (let turn = 0; turn < turns; turn += 1) await door.tick()
    await world.relay.settled()
  }
  // What is asked to start, or once in a long while, is no cost of idling.
  await idle()
  statements = 0
  await idle()
  expect(statements).toBeGreaterThan(turns)
  expect(statements / (turns * world.config.sweepInterval)).toBeLessThanOrEqual(0.65)
})
