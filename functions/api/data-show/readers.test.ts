import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { mostHeld } from '#shared/database/data-uses.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { jsonText } from '#shared/runtime/respond.ts'
import { makeData } from '#tests/support/makers.ts'
import { send, test as overSocket, type Front } from '#tests/support/over-socket.ts'
import { makeReaders } from '#tests/support/runs.ts'
import { call } from '#tests/support/world.ts'
import show from './function.ts'

const readers = mostHeld + 10

/** A data that more runs read than are held at a time, and one beside it. */
const test = overSocket.extend<{ $file: { popular: { front: Front; knitId: string } } }>({
  popular: [
    async ({ front }, use) => {
      const knitId = await makeData(front.world, 'popular:1')
      await makeData(front.world, 'popular:1')
      await makeReaders(front.world, knitId, readers)
      await use({ front, knitId })
    },
    { scope: 'file' },
  ],
})

const keys = ['knitId', 'tags', 'upstream', 'downstreams', 'nomination', 'content']

test.for(['', '?pretty'])(
  'very many that read a data are told as few would be, bit by bit: metadata%s',
  async (query, { popular: { front, knitId } }) => {
    const answer = await call(show, front.world, `/api/data/${knitId}/metadata${query}`)
    const pieces: string[] = []
    const reader = answer.body?.getReader()
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read())
      pieces.push(Buffer.from(piece.value).toString())
    const text = pieces.join('')
    const shown = JSON.parse(text) as DataDetail
    expect(Object.keys(shown)).toEqual(keys)
    const runs = shown.downstreams.map(({ run }) => run.runId)
    expect(runs).toHaveLength(readers)
    expect(runs).toEqual(runs.toSorted())
    expect(shown.downstreams[0]).toEqual({
      mountpoint: { path: '/in', tags: ['any:thing'] },
      run: expect.objectContaining({ runId: runs[0], status: 'done' }) as unknown,
    })
    // Not by `toBe`, which would print megabytes.
    expect(text === jsonText(shown, query !== '')).toBe(true)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(text.length / 5)
  },
)

test.for(['', '&pretty'])(
  'and so they are in a list, of which a part says where the next one begins: %s',
  async (pretty, { popular: { front, knitId } }) => {
    const ask = (query: string) => send(front, { path: `/api/data?tag=popular:1${query}${pretty}` })
    for (const query of ['', '&limit=2', '&limit=1000']) {
      const { text, headers } = await ask(query)
      const list = JSON.parse(text) as DataDetail[]
      const counts = list.map((one) => [one.knitId === knitId, one.downstreams.length])
      const inOrder = query === '' ? counts : counts.toReversed()
      expect(inOrder).toEqual([
        [true, readers],
        [false, 0],
      ])
      expect(text === jsonText(list, pretty !== '')).toBe(true)
      expect(headers['knit-after'] !== undefined).toBe(query === '&limit=2')
    }
  },
)

test('who changes its tags is answered with all of it, and none of that is kept', async ({
  popular: { front, knitId },
}) => {
  const key = randomUUID()
  const wish = {
    method: 'PUT',
    path: `/api/data/${knitId}`,
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ add: ['tagged:1'] }),
  }
  const [first, again] = [await send(front, wish), await send(front, wish)]
  const shown = JSON.parse(first.text) as DataDetail
  expect(shown.tags).toContain('tagged:1')
  expect(shown.downstreams).toHaveLength(readers)
  expect(again.text === first.text).toBe(true)
  const [kept] = await front.world.sql<{ length: number }[]>`
    select length(answer::text) as length from request where key = ${key}`
  expect(kept?.length).toBeLessThan(10_000)
})
