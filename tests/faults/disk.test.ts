import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { data } from '#shared/contracts/data.ts'
import { runs } from '#shared/contracts/runs.ts'
import { ended, pullText, pushText, shellPlan } from '#tests/support/home-work.ts'
import { Random } from '#tests/support/random.ts'
import { noSmallDisk } from '#tests/support/small-disk.ts'
import { until } from '#tests/support/until.ts'
import { untilAtRest } from './at-rest.ts'
import { test, type TestHome } from './test-home.ts'

/** A folder with a file of so many megabytes that nothing can make smaller. */
async function largeFolder(folder: string, megabytes: number): Promise<string> {
  const source = join(folder, 'large')
  mkdirSync(source)
  const random = new Random('large')
  const pieces = Array.from({ length: megabytes }, () => random.bytes(2 ** 20))
  await pipeline(Readable.from(pieces), createWriteStream(join(source, 'file')))
  return source
}

const keysOf = (name: string | undefined): string[] =>
  name === undefined ? [] : Array.from({ length: 90 }, (_, tag) => `${name}-${tag}`)

/** The keys of the tags that changes have put on a data. */
async function keysIn({ api }: TestHome, knitId: string): Promise<string[]> {
  const [found] = await api.call(data.find, { tag: [`knit#id:${knitId}`] })
  const keys = (found?.tags ?? []).map((tag) => tag.slice(0, tag.indexOf(':')))
  return keys.filter((key) => !key.startsWith('knit#') && key !== 'type').toSorted()
}

test('an upload for which there is no room is refused as such, and leaves nothing', async ({
  folder,
  disk,
  start,
  skip,
}) => {
  if (!disk) return skip(noSmallDisk)
  const home = await start({ below: disk.folder })
  disk.fill(2 ** 24)
  const source = await largeFolder(folder, 20)
  await expect(home.api.push(pack(source), { tags: ['type:raw'] })).rejects.toMatchObject({
    status: 507,
    code: 'storage-full',
  })
  expect(await home.api.call(data.find, { tag: ['type:raw'] })).toEqual([])
  await untilAtRest(home)

  const knitId = await pushText(home.api, folder, 'small', 'type:raw')
  expect(await pullText(home.api, folder, knitId)).toBe('small')
  await home.stop()
})

test('a database whose disk is full answers readers, and writers later; with room again it goes on by itself', async ({
  folder,
  disk,
  start,
  skip,
}) => {
  if (!disk) return skip(noSmallDisk)
  const home = await start({ below: disk.folder })
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  const change = (body: object) =>
    fetch(`${home.apiRoot}/data/${knitId}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  // Every one is larger than what the database has put by, so that sooner or later it needs more of the disk.
  const large = (name: number) =>
    Array.from({ length: 90 }, (_, tag) => `${name}-${tag}:${'x'.repeat(4000)}`)
  disk.fill()
  const kept: string[] = []
  const refused = await until(async () => {
    const name = kept.length
    const response = await change({ add: large(name), remove_key: keysOf(kept.at(-1)) })
    if (!response.ok) return response
    kept.push(String(name))
    return undefined
  })
  expect([503, 507]).toContain(refused.status)
  expect(await keysIn(home, knitId)).toEqual(keysOf(kept.at(-1)).toSorted())

  disk.free()
  await until(async () => (await change({ add: ['after:all'] })).ok)
  expect(await keysIn(home, knitId)).toEqual([...keysOf(kept.at(-1)), 'after'].toSorted())
  expect(await pullText(home.api, folder, knitId)).toBe('kept')
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})

test('a program that fills the disk fails with that reason, others are told to wait, and deleting its run makes room', async ({
  folder,
  disk,
  start,
  skip,
}) => {
  if (!disk) return skip(noSmallDisk)
  const home = await start({ below: disk.folder })
  const greedy = await shellPlan(home.api, 'type:raw', 'cat /dev/zero > /out/big', 'type:big')
  const knitId = await pushText(home.api, folder, 'kept', 'type:raw')
  const failed = await until(() => ended(home.api, greedy).catch(() => undefined))
  expect(failed).toMatchObject({ status: 'failed', exit: { code: 1 } })
  expect(failed.exit?.message).toBe(`(container main) Error: the disk of ${home.folder} is full`)

  await until(() =>
    home.api.call(runs.delete, { runId: failed.runId }).then(
      () => true,
      () => false,
    ),
  )
  const modest = await shellPlan(home.api, 'type:raw', 'cp /in/text /out/text', 'type:copy')
  const done = await until(() => ended(home.api, modest).catch(() => undefined))
  expect(done).toMatchObject({ status: 'done' })
  expect(await pullText(home.api, folder, knitId)).toBe('kept')
  await untilAtRest(home)
  await home.stop()
})
