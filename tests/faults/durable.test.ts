import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { dataOfVolume } from '#shared/domain/worker-spec.ts'
import { allVolumesOf } from '#shared/ports/cluster.ts'
import { deliver } from '#tests/support/functions.ts'
import { watchFlushes } from '#tests/support/gate/flushes.ts'
import type { Gate } from '#tests/support/gate/gate.ts'
import { test as base } from '#tests/support/world.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import { told } from './arrange.ts'
import { pushed, runIn } from './file-scenarios.ts'
import { FileHome, type FileWorld } from './file-world.ts'
import { gatedWorld } from './quiet-world.ts'

vi.mock('node:fs', async (original) => behindGate(await original()))
vi.mock('node:fs/promises', async (original) => behindGate(await original()))

const { behindGate, throughGate } = await vi.hoisted(
  () => import('#tests/support/gate/gated-files.ts'),
)

const test = base.extend<{ home: FileHome }>({
  home: async ({}, use) => {
    const home = await FileHome.open()
    await use(home)
    await home.remove()
  },
})

type World = Parameters<Awaited<ReturnType<typeof pushed>>>[0]
type Act = (world: World) => Promise<Response>

/** What of the volumes whose data become usable is not on disk at the moment from which anybody may know of them. */
async function unflushedWhenReady(world: FileWorld, act: Act) {
  const readyData = async () =>
    (await world.sql<{ id: string }[]>`select id from data where ready`).map(({ id }) => id)
  const before = await readyData()
  const volumes = join(world.home.folder, 'volumes')
  const { gate, unflushed, isFlushed } = watchFlushes(volumes)
  let found: { made: number; lost: string[]; isNamed: boolean } | undefined
  const look: Gate = async (_, make) => {
    const result = await make()
    const ready = (await readyData()).filter((id) => !before.includes(id))
    if (ready.length === 0) return result
    const made = (await allVolumesOf(world.cluster)).filter((name) =>
      ready.includes(dataOfVolume(name) ?? ''),
    )
    const lost = made.flatMap((name) => unflushed(join(volumes, name)))
    found ??= { made: made.length, lost, isNamed: isFlushed(volumes) }
    return result
  }
  const answer = await throughGate(gate, () => act(gatedWorld(world, look)))
  expect(answer.status).toBeLessThan(300)
  return found
}

const amounts = [
  ['few', 0],
  ['many', 40],
] as const

test.for(amounts)(
  'what is pushed is on disk before anybody hears of it: %s files',
  async ([, more], { database: { sql, empty }, home }) => {
    await empty()
    const world = home.world(sql)
    const found = await unflushedWhenReady(world, await pushed(world, 'kind:a', more))
    expect(found).toEqual({ made: 1, lost: [], isNamed: true })
  },
)

test.for(amounts)(
  'what a program wrote, and its log, are on disk before its run is done: %s files',
  async ([, more], { database: { sql, empty }, home }) => {
    await empty()
    const world = home.world(sql)
    const run = await runIn(world, 'completing', more)
    const finish: Act = (gated) => deliver(finishRun, gated, 'run.completing', told(run))
    expect(await unflushedWhenReady(world, finish)).toEqual({ made: 2, lost: [], isNamed: true })
  },
)
