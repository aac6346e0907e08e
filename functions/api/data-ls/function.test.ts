import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { NoSuchFile, Unreadable } from '#shared/archive/file-error.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import type { FileList } from '#shared/domain/file-list.ts'
import type { FilesAsked } from '#shared/ports/cluster.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { test, type Front } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { until } from '#tests/support/until.ts'
import { call } from '#tests/support/world.ts'
import ls from './function.ts'

const at = (knitId: string, query = '') => `/api/data/${knitId}/files${query}`

const leases = async ({ world: { sql } }: Front, knitId: string): Promise<number> =>
  (await sql`select from agent where knit_id = ${knitId}`).length

/** What is asked of a volume, which answers in its own way. */
async function listing<T>(
  front: Front,
  list: (volume: string, asked: FilesAsked) => Promise<FileList>,
  work: () => Promise<T>,
): Promise<T> {
  const { transfers } = front.world
  front.world.transfers = { listFiles: list } as never
  return work().finally(() => (front.world.transfers = transfers))
}

test('a list is that of the volume, as it is asked for', async ({ front }) => {
  const knitId = await makeData(front.world)
  const asked: unknown[] = []
  const list = async (...all: unknown[]) => {
    asked.push(all)
    return { files: [], after: 'z' }
  }
  await listing(front, list, async () => {
    const ask = (query: string) => answer(ls, front.world, at(knitId, query), { role: 'viewer' })
    expect(await ask('')).toEqual({ files: [], after: 'z' })
    await ask('?path=%2Fa%2F.%2Fb%20c%2F&limit=7&after=x%2Fy')
    await ask('?path=&limit=&after=')
  })
  const all = { path: '', limit: 1000 }
  expect(asked).toEqual([
    [volumeOf(knitId), all],
    [volumeOf(knitId), { path: 'a/b c', limit: 7, after: 'x/y' }],
    [volumeOf(knitId), all],
  ])
})

test('data of a run of any status can be listed', async ({ front }) => {
  for (const status of ['running', 'failed', 'done'] as const) {
    const { outputs } = await makeRun(front.world, { status })
    const folder = front.volumes.place(volumeOf(outputs[0] ?? ''))
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, status), '')
    const { files } = await answer<FileList>(ls, front.world, at(outputs[0] ?? ''))
    expect(files).toMatchObject([{ path: status }])
  }
})

test.for([
  '?path=..',
  '?path=a%2F..%2Fb',
  '?path=a%00',
  '?after=..',
  '?limit=0',
  '?limit=10001',
  '?limit=x',
])('%s is 400', async (query, { front }) => {
  const knitId = await makeData(front.world)
  await refusal(ls, front.world, at(knitId, query), 'bad-request')
})

test.for([randomUUID(), 'nonsense', randomUUID().toUpperCase()])(
  'the id %s is 404',
  async (id, { front }) => {
    await refusal(ls, front.world, at(id), 'data-not-found')
  },
)

test('what stands against a list is told, and data to which nothing was written are not found', async ({
  front,
}) => {
  const knitId = await makeData(front.world)
  await refusal(ls, front.world, at(knitId), 'data-not-found')
  const failing = (error: Error) => async (): Promise<never> => {
    throw error
  }
  await listing(front, failing(new NoSuchFile('there is nothing at "a"')), async () => {
    const told = await refusal(ls, front.world, at(knitId, '?path=a'), 'file-not-found')
    expect(told).toBe('There is nothing at "a".')
  })
  await listing(front, failing(new Unreadable('"a" lies too deep')), () =>
    refusal(ls, front.world, at(knitId), 'volume-unreachable'),
  )
})

test('data that are being listed are leased, and no longer', async ({ front }) => {
  const knitId = await makeData(front.world)
  const during: number[] = []
  const list = async () => {
    during.push(await leases(front, knitId))
    return { files: [] }
  }
  await listing(front, list, () => call(ls, front.world, at(knitId)))
  expect(during).toEqual([1])
  await call(ls, front.world, at(knitId))
  await until(async () => (await leases(front, knitId)) === 0)
})
