import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as soon } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { END, entry, tgz } from '#shared/archive/test-archives.ts'
import { discardLostUpload } from '#shared/database/uploads.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { RunHistory } from '#shared/domain/run-history.ts'
import type { Part } from '#shared/ports/cluster.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { answer, refusal } from '#tests/support/api.ts'
import {
  begin,
  md5,
  replyTo,
  send,
  test,
  type Front,
  type Wish,
} from '#tests/support/over-socket.ts'
import { losingCommits } from '#tests/support/lost-commits.ts'
import { counted } from '#tests/support/scrape.ts'
import { until } from '#tests/support/until.ts'
import dataFind from '../data-find/function.ts'
import history from '../runs-history/function.ts'
import push from './function.ts'

const archive = tgz(
  entry({ name: 'a.txt' }, 'hello'),
  entry({ name: 'deep/b.txt' }, 'world'),
  entry({ name: 'empty/', type: '5', mode: 0o755 }),
)

/** Sends bytes as the reference's client does: chunked, with a trailer that nothing announces. */
async function upload(front: Front, bytes: Buffer, wish: Partial<Wish> = {}) {
  const half = Math.floor(bytes.length / 2)
  return send(front, {
    method: 'POST',
    path: '/api/data',
    headers: { 'content-type': 'application/tar+gzip' },
    body: Readable.from([bytes.subarray(0, half), bytes.subarray(half)]),
    ...wish,
  })
}

const counts = async ({ world: { sql } }: Front) => {
  const [row] = await sql`
    select (select count(*) from run)::integer as runs,
           (select count(*) from data)::integer as data,
           (select count(*) from agent)::integer as agents,
           (select count(*) from match_task)::integer as tasks`
  return row
}

const lastHistory = ({ world: { sql } }: Front) => sql`
  select from_status as "from", status, actor, reason
    from run_history
   where run_id = (select run_id from run_history order by id desc limit 1)
   order by id`

test('the log says of which upload that was given up there is a history', async ({ front }) => {
  await upload(front, archive.subarray(0, 20))
  const given = front.world.lines.findLast((line) => line.includes('an upload was given up')) ?? ''
  const { runId } = JSON.parse(given) as { runId: string }
  const { moves } = await answer<RunHistory>(history, front.world, `/api/runs/${runId}/history`)
  expect(moves.map(({ status }) => status)).toEqual(['running', 'aborting', 'failed'])
  expect(given).toContain(JSON.stringify(moves.at(-1)?.reason))
})

/** Asserts that of the last upload nothing is left but its history, and a volume that waits to be deleted. */
async function expectOnlyHistory(front: Front, before: unknown, reason: RegExp): Promise<void> {
  expect(await counts(front)).toEqual(before)
  expect(await lastHistory(front)).toEqual([
    { from: null, status: 'running', actor: 'local', reason: null },
    { from: 'running', status: 'aborting', actor: 'local', reason: expect.stringMatching(reason) },
    { from: 'aborting', status: 'failed', actor: 'local', reason: expect.stringMatching(reason) },
  ])
  const [last] = await front.world.sql<{ volume: string }[]>`
    select volume from garbage order by created_at desc limit 1`
  const kept = await front.world
    .sql`select from data where 'data-knitid-' || id = ${last?.volume ?? ''}`
  expect(kept).toHaveLength(0)
}

test('an upload is data that is done, with its tags, its files and its measure', async ({
  front,
}) => {
  const path = '/api/data?tag=type:raw&tag=a%3Ab:c&tag=type:%20big%20&tag=type:raw'
  const reply = await upload(front, archive, { path })
  expect(reply.headers['content-type']).toBe('application/json')
  expect(reply.status).toBe(200)
  expect(reply.text.endsWith('}\n')).toBe(true)
  const shown = JSON.parse(reply.text) as DataDetail
  const { knitId } = shown
  const { updatedAt, runId, plan } = shown.upstream.run
  expect(Object.keys(shown)).toEqual([
    'knitId',
    'tags',
    'upstream',
    'downstreams',
    'nomination',
    // What is ours follows what clients of the API know.
    'content',
  ])
  expect(shown).toEqual({
    knitId,
    tags: ['a:b:c', `knit#id:${knitId}`, `knit#timestamp:${updatedAt}`, 'type:big', 'type:raw'],
    upstream: {
      mountpoint: { path: '/upload', tags: [] },
      run: {
        runId,
        status: 'done',
        updatedAt,
        plan: { planId: plan.planId, name: 'knit#uploaded' },
      },
    },
    downstreams: [],
    nomination: [],
    content: { bytes: 10, files: 2, digest: expect.stringMatching(/^sha256:/) },
  })
  expect(Object.keys(shown.upstream)).toEqual(['mountpoint', 'run'])
  const folder = front.volumes.place(volumeOf(knitId))
  expect((await readdir(folder, { recursive: true })).sort()).toEqual([
    'a.txt',
    'deep',
    'deep/b.txt',
    'empty',
  ])
  expect(await readFile(join(folder, 'deep/b.txt'), 'utf8')).toBe('world')
  const [row] = await front.world.sql`
    select bytes::integer, files::integer, ready, (select count(*) from agent)::integer as agents
      from data where id = ${knitId}`
  expect(row).toEqual({ bytes: 10, files: 2, ready: true, agents: 0 })
  const found = await answer<DataDetail[]>(
    dataFind,
    front.world,
    `/api/data?tag=knit%23id:${knitId}`,
  )
  expect(found).toEqual([shown])
})

test('an upload tells its facts, once each, with the trace of the caller', async ({ front }) => {
  await front.world.sql`delete from outbox`
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` }
  const reply = await upload(front, archive, { headers })
  const { upstream } = JSON.parse(reply.text) as DataDetail
  const told = await front.world.sql<{ type: string; subject: string; traceparent: string }[]>`
    select type, subject, traceparent from outbox order by id`
  expect(told.map(({ type }) => type).sort()).toEqual(['data.ready', 'run.done'])
  for (const { subject, traceparent } of told) {
    expect(subject).toBe(upstream.run.runId)
    expect(traceparent.slice(3, 35)).toBe(trace)
  }
  expect((await lastHistory(front)).map(({ status }) => status)).toEqual([
    'running',
    'completing',
    'done',
  ])
})

test('an archive without entries is valid and makes empty data', async ({ front }) => {
  const reply = await upload(front, gzipSync(END))
  expect(reply.status).toBe(200)
  const { knitId } = JSON.parse(reply.text) as DataDetail
  expect(await readdir(front.volumes.place(volumeOf(knitId)))).toEqual([])
})

test('neither a content type nor chunks are asked for', async ({ front }) => {
  const plain = await send(front, { method: 'POST', path: '/api/data/', body: archive })
  expect(plain.status).toBe(200)
  const pretty = await upload(front, archive, {
    path: '/api/data?pretty',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  })
  expect(pretty.text).toBe(`${JSON.stringify(JSON.parse(pretty.text), null, 2)}\n`)
})

test('the checksum that follows the body is compared, whether it was announced or not', async ({
  front,
}) => {
  const trailers = { 'x-checksum-md5': md5(archive) }
  const unannounced = await upload(front, archive, { trailers })
  expect(unannounced.status).toBe(200)
  const headers = { trailer: 'x-checksum-md5' }
  const announced = await upload(front, archive, { trailers, headers })
  expect(announced.status).toBe(200)
  const before = await counts(front)
  for (const sent of [md5(Buffer.from('other')), '', 'ä'.normalize()]) {
    const wrong = await upload(front, archive, { trailers: { 'x-checksum-md5': sent } })
    expect({ status: wrong.status, text: wrong.text }).toMatchObject({ status: 400 })
    const { message } = JSON.parse(wrong.text) as { message: string }
    expect(message.startsWith('hash is not match.\n')).toBe(true)
    expect(message).toContain(md5(archive))
    await expectOnlyHistory(front, before, /MD5/)
  }
})

test.for([
  [
    'what is not compressed with gzip',
    Buffer.from('this is no archive'),
    /not compressed with gzip/,
  ],
  ['nothing at all', Buffer.alloc(0), /ends too early|not compressed/],
  ['an archive that ends too early', archive.subarray(0, archive.length - 20), /ends too early/],
  [
    'a tar that ends in an entry',
    gzipSync(entry({ name: 'a', size: 5000 }, 'x')),
    /ends too early/,
  ],
  ['something behind the archive', Buffer.concat([archive, Buffer.from('junk')]), /behind its end/],
  ['a name that leads out', tgz(entry({ name: '../x' }, 'evil')), /"\.\.\/x"/],
  ['an absolute name', tgz(entry({ name: '/etc/x' }, 'evil')), /"\/etc\/x"/],
  ['a device', tgz(entry({ name: 'null', type: '3' })), /"null"/],
  [
    'a file below a link',
    tgz(entry({ name: 'l', type: '2', target: '..' }), entry({ name: 'l/x' }, 'evil')),
    /"l/,
  ],
] as [string, Buffer, RegExp][])(
  '%s is refused with what is wrong and where, and nothing of it is left',
  async ([, bytes, says], { front }) => {
    const before = await counts(front)
    const { status, text } = await upload(front, bytes)
    expect({ status, text }).toMatchObject({ status: 400 })
    const { message } = JSON.parse(text) as { message: string }
    expect(message).toMatch(/^bad request\n/)
    expect(message).toMatch(says)
    expect(message).not.toContain(front.volumes.folder)
    await expectOnlyHistory(front, before, /./)
    const [{ volume }] = (await front.world.sql`
      select volume from garbage order by created_at desc limit 1`) as unknown as [
      { volume: string },
    ]
    expect(await readdir(front.volumes.place(volume))).toEqual([])
    const [{ told }] = (await front.world.sql`
      select count(*)::integer as told from outbox where type = 'volume.dropped'`) as unknown as [
      { told: number },
    ]
    expect(told).toBeGreaterThan(0)
  },
)

test('who accepts problem details is told in them what is wrong with an archive', async ({
  front,
}) => {
  const reply = await upload(front, tgz(entry({ name: '../x' }, 'evil')), {
    headers: { accept: 'application/problem+json' },
  })
  expect(reply.headers['content-type']).toBe('application/problem+json')
  expect(JSON.parse(reply.text)).toMatchObject({ status: 400, code: 'bad-archive' })
  expect(reply.headers['x-request-id']).toBe(
    (JSON.parse(reply.text) as { requestId: string }).requestId,
  )
})

test('of an upload whose caller is cut off nothing is left but its history', async ({ front }) => {
  const before = await counts(front)
  const request = begin(front, { method: 'POST', path: '/api/data' })
  request.write(archive.subarray(0, 20))
  await until(async () => (await counts(front))?.['agents'] === 1)
  const running = await answer<DataDetail[]>(
    dataFind,
    front.world,
    '/api/data?tag=knit%23transient:processing',
  )
  expect(running).toMatchObject([{ upstream: { run: { status: 'running' } } }])
  request.destroy()
  await until(async () => (await counts(front))?.['runs'] === before?.['runs'])
  await expectOnlyHistory(front, before, /broke/)
})

test('a body shorter than it said it would be is no data', async ({ front }) => {
  const before = await counts(front)
  const failures = async () => {
    const rows = await front.world.sql`select from run_history where status = 'failed'`
    return rows.length
  }
  const failed = await failures()
  const socket = net.connect(Number(front.root.port), front.root.hostname)
  await once(socket, 'connect')
  const length = archive.length + 100
  socket.write(`POST /api/data HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${length}\r\n\r\n`)
  socket.end(archive)
  socket.resume()
  await once(socket, 'close')
  await until(async () => (await failures()) === failed + 1)
  await expectOnlyHistory(front, before, /broke/)
})

test.for(['close', 'keep-alive'])(
  'a refused upload is told so while it is being sent, and when it has been sent (connection: %s)',
  async (connection, { front }) => {
    const hostile = gzipSync(entry({ name: '../x' }, randomBytes(1 << 20)), { finishFlush: 2 })
    const junk = randomBytes(1 << 20)
    const rest = Array.from({ length: 100 }, () => junk)
    const reply = await send(front, {
      method: 'POST',
      path: '/api/data',
      headers: { connection },
      body: Readable.from([hostile, ...rest]),
    })
    expect(reply.status).toBe(400)

    // A simple client: it writes everything, and reads only then.
    const socket = net.connect(Number(front.root.port), front.root.hostname)
    await once(socket, 'connect')
    const write = (bytes: Buffer | string) =>
      new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()))
      })
    await write(
      `POST /api/data HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: ${connection}\r\n` +
        `content-length: ${hostile.length + rest.length * junk.length}\r\n\r\n`,
    )
    for (const bytes of [hostile, ...rest]) await write(bytes)
    const [head] = (await once(socket, 'data')) as [Buffer]
    expect(head.toString()).toMatch(/^HTTP\/1\.1 400 /)
    expect(head.toString()).toContain('../x')
    socket.destroy()
  },
)

test('after a refusal the same connection serves the next request', async ({ front }) => {
  const { Agent } = await import('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const refused = await upload(front, tgz(entry({ name: '../x' }, 'evil')), { agent })
  const next = await send(front, { path: '/api/data?tag=none:such', agent })
  agent.destroy()
  expect([refused.status, next.status]).toEqual([400, 200])
  expect(next.text).toBe('[]\n')
})

const keyed = { headers: { 'content-type': 'application/tar+gzip', 'idempotency-key': 'k' } }

test('an upload that is sent again is answered as the first time', async ({ front }) => {
  const path = '/api/data?tag=sent:again'
  const first = await upload(front, archive, { path, ...keyed })
  expect(first.status).toBe(200)
  const before = await counts(front)
  const again = await upload(front, archive, { path, ...keyed })
  expect(again.text).toBe(first.text)
  expect(await counts(front)).toEqual(before)
})

test('the key of an upload is refused with other bytes, and for a body that broke', async ({
  front,
}) => {
  const headers = { ...keyed.headers, 'idempotency-key': 'other-bytes' }
  const first = await upload(front, archive, { headers })
  const before = await counts(front)
  const other = await upload(front, tgz(entry({ name: 'a.txt' }, 'other')), { headers })
  expect(other.status).toBe(422)
  expect(other.text).toContain('was used for another request')
  const damaged = await upload(front, archive, { headers, trailers: { 'x-checksum-md5': '0' } })
  expect(damaged.status).toBe(400)
  expect(await counts(front)).toEqual(before)
  expect((await upload(front, archive, { headers })).text).toBe(first.text)
})

test('the key of an upload is refused with other tags before anything is read', async ({
  front,
}) => {
  const headers = { ...keyed.headers, 'idempotency-key': 'other-tags' }
  expect((await upload(front, archive, { headers })).status).toBe(200)
  const path = '/api/data?tag=sent:otherwise'
  const endless = Readable.from(endlessly(archive))
  const other = await send(front, { method: 'POST', path, headers, body: endless })
  expect(other.status).toBe(422)
})

function* endlessly(bytes: Buffer): Generator<Buffer> {
  for (;;) yield bytes
}

test('an upload whose commit nobody heard of is one data, and sent again it is that one', async ({
  front,
}) => {
  const { sql } = front.world
  const headers = { ...keyed.headers, 'idempotency-key': 'lost' }
  const path = '/api/data?tag=lost:commit'
  front.world.sql = losingCommits(sql)
  const first = await upload(front, archive, { path, headers })
  front.world.sql = sql
  expect(first.status).toBe(503)
  const again = await upload(front, archive, { path, headers })
  const { knitId } = JSON.parse(again.text) as DataDetail
  const found = await answer<DataDetail[]>(dataFind, front.world, '/api/data?tag=lost:commit')
  expect(found.map((data) => data.knitId)).toEqual([knitId])
  expect(found[0]?.upstream.run.status).toBe('done')
})

test('an upload that is sent twice at a time is one data, whichever is whole first', async ({
  front,
}) => {
  const before = await counts(front)
  const headers = { ...keyed.headers, 'idempotency-key': 'twice' }
  const slow = begin(front, { method: 'POST', path: '/api/data', headers })
  const answered = replyTo(slow)
  slow.write(archive.subarray(0, 20))
  await until(async () => (await counts(front))?.['agents'] === 1)
  const fast = await upload(front, archive, { headers })
  slow.end(archive.subarray(20))
  expect((await answered).text).toBe(fast.text)
  expect(await counts(front)).toMatchObject({ data: before?.['data'] + 1, agents: 0 })
  expect(await lastHistory(front)).toMatchObject([{}, {}, { status: 'failed', reason: /sooner/ }])
})

test('an upload that somebody ends is not read to its end', async ({ front }) => {
  const reply = await withLease(front, 0.5, () =>
    send(front, { method: 'POST', path: '/api/data', body: Readable.from(endedMeanwhile(front)) }),
  )
  expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('Somebody ended')])
  expect(await front.world.sql`select from agent`).toHaveLength(0)
})

/** An archive that never ends; its run is ended meanwhile. */
async function* endedMeanwhile({ world: { sql } }: Front): AsyncGenerator<Buffer> {
  yield archive.subarray(0, gzipHead)
  while ((await sql`select from agent`).length === 0) yield nothing
  await sql`
    update run
       set status = 'aborting', claim = null, claimed_by = null, claimed_until = null
     where status = 'running'`
  for (;;) {
    yield nothing
    await soon()
  }
}

// The head of a gzip, and behind it a block of nothing, of which there may be any number.
const gzipHead = 10
const nothing = Buffer.from([0, 0, 0, 0xff, 0xff])

async function withLease<T>(front: Front, uploadLease: number, work: () => Promise<T>): Promise<T> {
  const { config } = front.world
  front.world.config = { ...config, uploadLease }
  return work().finally(() => (front.world.config = config))
}

test.for([0, 20])(
  'an upload of which nothing comes any more is given up, and its caller told (%i bytes)',
  async (bytes, { front }) => {
    const before = await counts(front)
    const { status, text } = await withLease(front, 0.1, () => {
      const request = begin(front, { method: 'POST', path: '/api/data' })
      request.write(archive.subarray(0, bytes))
      request.flushHeaders()
      return replyTo(request)
    })
    expect({ status, text }).toMatchObject({ status: 408 })
    expect(text).toMatch(/^\{"message":"request timeout\\n/)
    expect(text).toContain('Nothing of the archive came for 0.1 seconds')
    await expectOnlyHistory(front, before, /given up/)
  },
)

test('an upload that is sent again and of which nothing comes is given up as well', async ({
  front,
}) => {
  const headers = { ...keyed.headers, 'idempotency-key': 'silent' }
  expect((await upload(front, archive, { headers })).status).toBe(200)
  const { status } = await withLease(front, 0.1, () => {
    const request = begin(front, { method: 'POST', path: '/api/data', headers })
    request.write(archive.subarray(0, 20))
    return replyTo(request)
  })
  expect(status).toBe(408)
})

test('that its volume is slow is not laid to the caller', async ({ front }) => {
  const { transfers } = front.world
  front.world.transfers = {
    ...front.volumes,
    receive: async (volume: string, stream: Readable, part: Part) => {
      await renewedTwice(front)
      return front.volumes.receive(volume, stream, part)
    },
  } as never
  const large = tgz(entry({ name: 'large' }, randomBytes(1 << 20)))
  const reply = await withLease(front, 0.5, () => upload(front, large)).finally(
    () => (front.world.transfers = transfers),
  )
  expect(reply.status).toBe(200)
})

/** Resolves when the one upload there is has outlived its first lease, and the one after. */
async function renewedTwice({ world: { sql } }: Front): Promise<void> {
  const lease = async () => {
    const [agent] = await sql<{ until: Date }[]>`select lease_until as until from agent`
    return agent?.until.getTime() ?? 0
  }
  const first = await until(lease)
  await until(async () => (await lease()) > first + 1000)
}

test.for([
  ['disk', 'ENOSPC: no space left on device, write'],
  ['quota', 'EDQUOT: disk quota exceeded, write'],
])('a full %s is told as such, and nothing is left', async ([, message = ''], { front }) => {
  const before = await counts(front)
  const { transfers } = front.world
  const full = Object.assign(new Error(message), { code: message.split(':')[0] })
  front.world.transfers = { ...front.volumes, receive: () => Promise.reject(full) } as never
  const reply = await upload(front, archive).finally(() => (front.world.transfers = transfers))
  expect(reply.status).toBe(507)
  expect(reply.text).toMatch(/^\{"message":"storage is full\\n/)
  await expectOnlyHistory(front, before, /no space|quota/)
})

test('a line of our own that breaks is not laid to the caller', async ({ front }) => {
  const before = await counts(front)
  const { transfers } = front.world
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
  front.world.transfers = { ...front.volumes, receive: () => Promise.reject(reset) } as never
  const reply = await upload(front, archive).finally(() => (front.world.transfers = transfers))
  expect(reply.status).toBe(503)
  await expectOnlyHistory(front, before, /ECONNRESET/)
})

test('a failure nobody planned says nothing of its inside, and leaves nothing', async ({
  front,
}) => {
  const before = await counts(front)
  const { transfers } = front.world
  const secret = new Error('/secret/path of data.ts:12')
  front.world.transfers = { ...front.volumes, receive: () => Promise.reject(secret) } as never
  const reply = await upload(front, archive).finally(() => (front.world.transfers = transfers))
  expect(reply.status).toBe(500)
  expect(reply.text).toMatch(/^\{"message":"unexpected error\\n/)
  expect(reply.text).not.toContain('secret')
  expect(front.world.lines.some((line) => line.includes('/secret/path'))).toBe(true)
  await expectOnlyHistory(front, before, /secret/)
})

test('what is wrong with an archive is told, also when the database is away by then', async ({
  front,
}) => {
  const { sql, transfers } = front.world
  let isAway = false
  const receive = () => {
    isAway = true
    return Promise.reject(new ArchiveError('bad-entry', 'as asked'))
  }
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const get = (pool: typeof sql, name: keyof typeof sql) =>
    name === 'begin' && isAway ? () => Promise.reject(away) : Reflect.get(pool, name)
  front.world.sql = new Proxy(sql, { get: get as never })
  front.world.transfers = { ...front.volumes, receive } as never
  const reply = await upload(front, archive).finally(() =>
    Object.assign(front.world, { sql, transfers }),
  )
  expect(reply.status).toBe(400)
  const lost = front.world.lines.findLast((line) => line.includes('could not be given up')) ?? ''
  expect(lost).toContain('ECONNREFUSED')
  // As its lease passes.
  const { runId } = JSON.parse(lost) as { runId: string }
  await sql`update agent set lease_until = now() where knit_id in (select id from data where run_id = ${runId})`
  expect(await discardLostUpload(sql, runId, 'test', { actor: 'test' })).toBe(true)
})

test('a volume that cannot be made leaves nothing', async ({ front }) => {
  const before = await counts(front)
  const { before: usual } = front.world.cluster
  front.world.cluster.before = () => {
    throw new Error('no volumes today')
  }
  const reply = await upload(front, archive).finally(() => (front.world.cluster.before = usual))
  expect(reply.status).toBe(500)
  await expectOnlyHistory(front, before, /no volumes today/)
})

test('an upload that somebody ended meanwhile is not data', async ({ front }) => {
  const { sql, transfers } = front.world
  front.world.transfers = {
    ...front.volumes,
    receive: async (volume: string, stream: Readable, part: Part) => {
      const received = await front.volumes.receive(volume, stream, part)
      await sql`
        update run set status = 'aborting', claim = null, claimed_by = null, claimed_until = null
         where status = 'running'`
      return received
    },
  } as never
  const reply = await upload(front, archive).finally(() => (front.world.transfers = transfers))
  expect([reply.status, reply.text]).toEqual([409, expect.stringContaining('Somebody ended')])
  const ready = await sql`
    select from data join run on run.id = run_id where run.status = 'aborting' and ready`
  expect(ready).toHaveLength(0)
  await sql`delete from agent`
  await sql`delete from data where run_id in (select id from run where status = 'aborting')`
  await sql`delete from run where status = 'aborting'`
})

test('an upload that takes long keeps its lease', async ({ front }) => {
  const reply = await withLease(front, 0.5, () =>
    send(front, { method: 'POST', path: '/api/data', body: Readable.from(atLeisure(front)) }),
  )
  expect(reply.status).toBe(200)
})

/** An archive that goes on until it has outlived its lease. */
async function* atLeisure(front: Front): AsyncGenerator<Buffer> {
  yield archive.subarray(0, gzipHead)
  const isOver = renewedTwice(front).then(() => true)
  while (!(await Promise.race([isOver, soon(false)]))) yield nothing
  yield archive.subarray(gzipHead)
}

test('tags are refused before anything is made', async ({ front: { world }, front }) => {
  const before = await counts(front)
  const path = (...tags: string[]) =>
    `/api/data?${tags.map((tag) => `tag=${encodeURIComponent(tag)}`).join('&')}`
  expect(await refusal(push, world, path('nocolon'), 'bad-request')).toContain('nocolon')
  expect(await refusal(push, world, path(''), 'bad-request')).toContain('colon')
  expect(await refusal(push, world, path('a:b', 'knit#id:1'), 'bad-request')).toContain('knit#id')
  expect(await refusal(push, world, path('knit#other:1'), 'bad-request')).toContain('knit#other')
  expect(await refusal(push, world, path('a:\0'), 'bad-request')).toContain('NUL')
  const many = Array.from({ length: 101 }, (_, index) => `k:${index}`)
  expect(await refusal(push, world, path(...many), 'bad-request')).toContain('maxTags')
  const long = `k:${'ü'.repeat(2048)}`
  expect(await refusal(push, world, path(long), 'bad-request')).toContain('maxTagBytes')
  expect(await counts(front)).toEqual(before)
})

test('as many tags as are allowed, of any script, come back as they were', async ({ front }) => {
  const odd = [
    'q"u\'o',
    'back\\slash\\n',
    'new\nline',
    '日本語',
    '<b>&amp;',
    'a\u2028b',
    '😀',
    'a:b:c',
  ]
  const rest = Array.from({ length: 100 - odd.length }, (_, index) => `${index}`)
  const query = [...odd, ...rest].map((value) => `tag=${encodeURIComponent(`k:${value}`)}`)
  const reply = await upload(front, archive, { path: `/api/data?${query.join('&')}` })
  expect(reply.status).toBe(200)
  const own = (JSON.parse(reply.text) as DataDetail).tags.filter((tag) => tag.startsWith('k:'))
  const bytes = [...odd, ...rest].map((value) => Buffer.from(`k:${value}`)).sort(Buffer.compare)
  expect(own).toEqual(bytes.map(String))
  expect(reply.text).toContain('\\u003cb\\u003e\\u0026amp;')
  expect(reply.text).not.toMatch(/[<>&\u2028]/)
})

test('a viewer may not upload', async ({ front: { world } }) => {
  await refusal(push, world, '/api/data', 'forbidden', { role: 'viewer' })
})

test('the bytes that come are counted, also of what is refused', async ({ front }) => {
  const received = async () =>
    (await counted(front.world, 'knit_received_bytes_total'))['data.push'] ?? 0
  const before = await received()
  await upload(front, archive)
  await upload(front, archive.subarray(0, 20))
  expect(await received()).toBe(before + archive.length + 20)
})
