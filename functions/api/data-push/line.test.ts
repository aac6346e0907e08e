import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { measure } from '#shared/archive/measure.ts'
import { pack } from '#shared/archive/pack.ts'
import { connectApi } from '#shared/client/connect.ts'
import type { Coding } from '#shared/domain/archive-type.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { breakingLine, type Break } from '#tests/support/breaking-line.ts'
import { FolderTransfers } from '#tests/support/folder-transfers.ts'
import { test, type Front } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'

/** A folder with everything that can be kept, most of which does not compress. */
async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'line-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  await mkdir(join(dir, 'many/deep'), { recursive: true })
  await mkdir(join(dir, 'many/empty'))
  await writeFile(join(dir, 'large'), randomBytes(4 << 20))
  for (let index = 0; index < 60; index += 1)
    await writeFile(join(dir, 'many/deep', `${index}`), randomBytes(index * 300))
  await symlink('../large', join(dir, 'many/link'))
  return dir
}

const kept = ({ volumes }: Front, knitId: string) => measure(volumes.place(volumeOf(knitId)))

test('a push over a line that breaks at many places is the data of one that did not, and little is sent twice', async ({
  front,
}) => {
  const dir = await folder()
  const { length } = await buffer(pack(dir, { coding: 'zstd' }))
  const breaks = [1, 700, 50_000, 900_000, 900_001, 1_400_000, length, length + 3000]
  await using line = await breakingLine(
    front.root,
    breaks.map((up): Break => ({ up: up + 600 })),
  )
  const resumed: number[] = []
  const codings = new Set<Coding>()
  const api = connectApi({ apiRoot: line.apiRoot, onResumed: (bytes) => resumed.push(bytes) })
  const made = (coding: Coding) => {
    codings.add(coding)
    return pack(dir, { coding })
  }
  const shown = await api.push(made, { tags: ['sent:brokenly'] })
  expect(await kept(front, shown.knitId)).toEqual(await measure(dir))
  expect(shown.content).toEqual(await measure(dir))
  expect(shown.tags).toContain('sent:brokenly')
  expect(codings).toEqual(new Set(['zstd']))
  expect(line.carried.broken).toBe(breaks.length)
  expect(resumed.length).toBeGreaterThan(3)
  expect(resumed).toEqual(resumed.toSorted((a, b) => a - b))
  // Besides heads, what was in the buffers of both ends when a line broke; from the first byte it would have been twice as much.
  expect(line.carried.up).toBeLessThan(length * 1.5)
  // What was begun on a line that broke before anybody could ask for it is taken back with its lease.
  const found = await front.world.sql<{ id: string }[]>`
    select data.id from data join tag on tag.id = any (tags) where value = 'brokenly' and ready`
  expect(found.map(({ id }) => id)).toEqual([shown.knitId])
})

test('a push whose answer is lost on its way is one data', async ({ front }) => {
  const dir = await folder()
  // The answer of OPTIONS comes down first.
  await using line = await breakingLine(front.root, [{ down: 400 }, { down: 800 }])
  const { knitId } = await connectApi(line).push((coding) => pack(dir, { coding }), {
    tags: ['answer:lost'],
  })
  expect(line.carried.broken).toBe(2)
  const found = await front.world.sql<{ id: string }[]>`
    select data.id from data join tag on tag.id = any (tags) where value = 'lost' and ready`
  expect(found.map(({ id }) => id)).toEqual([knitId])
})

test('what has changed while the line was broken is sent from its first byte, and is what it is then', async ({
  front,
}) => {
  const dir = await folder()
  await using line = await breakingLine(front.root, [{ up: 1_000_000 }])
  const resumed: number[] = []
  const api = connectApi({ apiRoot: line.apiRoot, onResumed: (bytes) => resumed.push(bytes) })
  const pushing = api.push((coding) => pack(dir, { coding }))
  await until(() => line.carried.broken === 1)
  const file = join(dir, 'large')
  await writeFile(file, randomBytes(2 << 20))
  const { knitId } = await pushing
  expect(await kept(front, knitId)).toEqual(await measure(dir))
  expect(resumed).toEqual([0])
})

test('what has changed behind what has come is sent as it is by then', async ({ front }) => {
  const dir = await folder()
  await using line = await breakingLine(front.root, [{ up: 1_000_000 }])
  const pushing = connectApi(line).push((coding) => pack(dir, { coding }))
  await until(() => line.carried.broken === 1)
  await appendFile(join(dir, 'many/deep/59'), 'more')
  const { knitId } = await pushing
  expect(await kept(front, knitId)).toEqual(await measure(dir))
})

test('a push whose server ends just when it is gone on with begins anew by itself', async ({
  front,
}) => {
  const dir = await folder()
  const { world, volumes } = front
  onTestFinished(() => void (world.transfers = volumes))
  await using line = await breakingLine(front.root, [{ up: 1_000_000 }])
  const resumed: number[] = []
  const onResumed = (bytes: number) => {
    resumed.push(bytes)
    world.transfers = new FolderTransfers(volumes.folder)
  }
  const api = connectApi({ apiRoot: line.apiRoot, onResumed })
  const { knitId } = await api.push((coding) => pack(dir, { coding }))
  expect(resumed).toEqual([expect.any(Number)])
  expect(await kept(front, knitId)).toEqual(await measure(dir))
})

test('a push whose server has ended meanwhile begins anew by itself', async ({ front }) => {
  const dir = await folder()
  const { world, volumes } = front
  onTestFinished(() => void (world.transfers = volumes))
  await using line = await breakingLine(front.root, [{ up: 1_000_000 }])
  const pushing = connectApi(line).push((coding) => pack(dir, { coding }))
  await until(() => line.carried.broken === 1)
  // All that its memory held is gone.
  world.transfers = new FolderTransfers(volumes.folder)
  const { knitId } = await pushing
  expect(await kept(front, knitId)).toEqual(await measure(dir))
})
