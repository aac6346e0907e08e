import { setImmediate as soon } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { NotKept } from '#shared/archive/reception-error.ts'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { connectApi } from '#shared/client/connect.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { Part } from '#shared/ports/cluster.ts'
import { answer } from '#tests/support/api.ts'
import { send, test, type Front } from '#tests/support/over-socket.ts'
import { tick } from '#tests/support/world.ts'
import cleanUp from '../../steps/clean-up/function.ts'
import dataFind from '../data-find/function.ts'

const archive = tgz(entry({ name: 'a' }, 'hello'))
// The head of a gzip, and behind it a block of nothing, of which there may be any number.
const gzipHead = 10
const nothing = Buffer.from([0, 0, 0, 0xff, 0xff])

async function withLease<T>(front: Front, uploadLease: number, work: () => Promise<T>): Promise<T> {
  const { config } = front.world
  front.world.config = { ...config, uploadLease }
  return work().finally(() => (front.world.config = config))
}

/** As the system does with an upload whose server gives no sign of life; this one does, and may be sooner. */
async function takeBack({ world }: Front): Promise<void> {
  while ((await world.sql`select from agent`).length > 0) {
    await world.sql`update agent set lease_until = now() - interval '1 second'`
    await tick(cleanUp, world)
  }
}

/** An archive that never ends; its upload is taken back meanwhile. */
async function* takenBackMeanwhile(front: Front): AsyncGenerator<Buffer> {
  yield archive.subarray(0, gzipHead)
  while ((await front.world.sql`select from agent`).length === 0) yield nothing
  await takeBack(front)
  for (;;) {
    yield nothing
    await soon()
  }
}

/** What is asked of the transfers of a front is done so, for one request. */
async function receiving<T>(
  front: Front,
  receive: (...asked: [volume: string, stream: Readable, part: Part]) => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  const { transfers } = front.world
  front.world.transfers = { ...front.volumes, receive } as never
  return work().finally(() => (front.world.transfers = transfers))
}

const push = (front: Front, key: string, body: Readable | Buffer) =>
  send(front, { method: 'POST', path: '/api/data', headers: { 'idempotency-key': key }, body })

type When = (front: Front, key: string) => ReturnType<typeof push>

const whens: [string, When][] = [
  [
    'while it is sent',
    (front, key) =>
      withLease(front, 1, () => push(front, key, Readable.from(takenBackMeanwhile(front)))),
  ],
  [
    'when it is whole',
    (front, key) =>
      receiving(
        front,
        async (...asked) => {
          const received = await front.volumes.receive(...asked)
          await takeBack(front)
          return received
        },
        () => push(front, key, archive),
      ),
  ],
  [
    'with what had come of it',
    (front, key) =>
      receiving(
        front,
        () => Promise.reject(new NotKept('the rest of the archive did not come in time')),
        () => push(front, key, archive),
      ),
  ],
]

test.for(whens)(
  'an upload that is taken back %s may be sent again, and when is told',
  async ([, when], { front }) => {
    const key = randomUUID()
    const { status, headers, text } = await when(front, key)
    expect({ status, text }).toMatchObject({ status: 503 })
    expect(text).toContain('push it again from its first byte')
    expect(headers['retry-after']).toBe('1')
    expect(await front.world.sql`select from agent`).toHaveLength(0)
    expect((await push(front, key, archive)).status).toBe(200)
  },
)

test('a part of an upload that was taken back meanwhile may be sent again from the first byte', async ({
  front,
}) => {
  const key = randomUUID()
  const headers = { 'idempotency-key': key, 'upload-complete': '?0' }
  const half = archive.subarray(0, 20)
  const begun = await send(front, { method: 'POST', path: '/api/data', headers, body: half })
  expect(begun.status).toBe(204)
  const rest = (body: Buffer) =>
    send(front, {
      method: 'POST',
      path: '/api/data',
      headers: { 'idempotency-key': key, 'upload-offset': '20' },
      body,
    })
  const cut = await receiving(
    front,
    async (...asked) => {
      const received = await front.volumes.receive(...asked)
      await takeBack(front)
      return received
    },
    () => rest(archive.subarray(20)),
  )
  expect([cut.status, cut.headers['retry-after']]).toEqual([503, '1'])
  // Asked again as it was there is nothing it would be the rest of.
  const again = await rest(archive.subarray(20))
  expect([again.status, again.text]).toEqual([404, expect.stringContaining('from its first byte')])
  expect((await push(front, key, archive)).status).toBe(200)
})

test('a client sends an upload that was taken back again by itself, and it is one data', async ({
  front,
}) => {
  const made = [takenBackMeanwhile(front), [archive]].map((pieces) => Readable.from(pieces))
  const next = () => {
    const one = made.shift()
    if (!one) throw new Error('it is made too often')
    return one
  }
  const api = connectApi({ apiRoot: front.door.apiRoot })
  const { knitId } = await withLease(front, 1, () => api.push(next, { tags: ['sent:twice'] }))
  const found = await answer<DataDetail[]>(dataFind, front.world, '/api/data?tag=sent:twice')
  expect(found.map((data) => data.knitId)).toEqual([knitId])
})
