import { mkdir } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { md5, send, type Front, type Reply } from '#tests/support/over-socket.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import { expectError, nobody, ownTag, test, type Ask } from './wire.ts'

type Data = {
  knitId: string
  tags: string[]
  upstream: {
    mountpoint?: object
    log?: object
    run: { runId: string; status: string; updatedAt: string; plan: object }
  }
  downstreams: { mountpoint: object; run: { runId: string } }[]
  nomination: { path: string; plan: { planId: string } }[]
}

const upload = (front: Front, body: Buffer | Readable, more: object = {}): Promise<Reply> =>
  send(front, { method: 'POST', path: '/api/data', body, ...more })

const pushed = (reply: Reply): Data => {
  expect({ status: reply.status, text: reply.text }).toMatchObject({ status: 200 })
  return JSON.parse(reply.text) as Data
}

const find = async (ask: Ask, knitId: string): Promise<Data | undefined> =>
  ((await ask(`GET /api/data?tag=${encodeURIComponent(`knit#id:${knitId}`)}`)).json as Data[])[0]

type Header = { name: string; type: string; target: string; mode: number; mtime: number }

/** What is in an archive, as its headers have it. */
function headersIn(archive: Buffer): Header[] {
  const tar = gunzipSync(archive)
  const headers: Header[] = []
  for (let at = 0; tar[at] !== 0 && at < tar.length;) {
    const text = (from: number, length: number) =>
      tar
        .subarray(at + from, at + from + length)
        .toString()
        .replace(/\0.*$/s, '')
    const number = (from: number, length: number) => Number.parseInt(text(from, length), 8)
    headers.push({
      name: text(0, 100),
      type: text(156, 1),
      target: text(157, 100),
      mode: number(100, 8) & 0o777,
      mtime: number(136, 12),
    })
    at += 512 * (1 + Math.ceil(number(124, 12) / 512))
  }
  return headers
}

test('upload: a run of knit#uploaded is done at once, and its data has a timestamp', async ({
  front,
}) => {
  const data = pushed(await upload(front, tgz(entry({ name: 'a' }, 'x'))))
  expect(data).toMatchObject({
    upstream: {
      mountpoint: { path: '/upload', tags: [] },
      run: { status: 'done', plan: { name: 'knit#uploaded' } },
    },
    downstreams: [],
    nomination: [],
  })
  expect(data.tags.map((tag) => tag.split(':')[0])).toEqual(['knit#id', 'knit#timestamp'])
})

test('upload: what is shown of fresh data, key by key', async ({ front }) => {
  const { knitId, tags, upstream, downstreams, nomination } = pushed(
    await upload(front, tgz(entry({ name: 'a' }, 'x'))),
  )
  const stamp = upstream.run.updatedAt
  expect(tags).toEqual([`knit#id:${knitId}`, `knit#timestamp:${stamp}`])
  expect(JSON.stringify(upstream)).toMatch(
    /^\{"mountpoint":\{"path":"\/upload","tags":\[\]\},"run":\{"runId":"[^"]+","status":"done","updatedAt":"[^"]+","plan":\{"planId":"[^"]+","name":"knit#uploaded"\}\}\}$/,
  )
  expect([downstreams, nomination]).toEqual([[], []])
})

test('upload: an archive without entries makes empty data', async ({ front }) => {
  pushed(await upload(front, tgz()))
})

test('upload: chunks, and a checksum behind them that was not announced', async ({ front }) => {
  const archive = tgz(entry({ name: 'a' }, 'hello'))
  const halves = () => Readable.from([archive.subarray(0, 20), archive.subarray(20)])
  pushed(await upload(front, halves(), { trailers: { 'x-checksum-md5': md5(archive) } }))
  const wrong = { trailers: { 'x-checksum-md5': md5(Buffer.from('other')) } }
  expectError(await upload(front, halves(), wrong), 400, 'hash is not match.')
})

test.for([
  ['not gzip', Buffer.from('none')],
  ['a gzip that is cut', tgz(entry({ name: 'a' }, 'hello')).subarray(0, 40)],
  ['a name that leads out', tgz(entry({ name: '../a' }, 'x'))],
  ['an absolute name', tgz(entry({ name: '/etc/a' }, 'x'))],
] as [string, Buffer][])('upload: %s is 400, and no data', async ([, body], { front, ask }) => {
  const before = ((await ask('GET /api/data')).json as Data[]).length
  expectError(await upload(front, body), 400, 'bad request')
  expect((await ask('GET /api/data')).json).toHaveLength(before)
})

test('download: entries in the order of their names, relative, without ./', async ({
  front,
  ask,
}) => {
  const files = ['b', 'a/z', 'a/b/c', 'a.txt'].map((name) => entry({ name }, name))
  const { knitId } = pushed(await upload(front, tgz(...files)))
  const { body } = await ask(`GET /api/data/${knitId}`)
  const names = headersIn(body).map(({ name }) => name)
  expect(names).toEqual(['a/b/c', 'a/z', 'a.txt', 'b'])
})

test('download: links are links, empty directories are there, and modes are kept', async ({
  front,
  ask,
}) => {
  const archive = tgz(
    entry({ name: 'run', mode: 0o755 }, 'x'),
    entry({ name: 'private', mode: 0o600 }, 'x'),
    entry({ name: 'link', type: '2', target: 'run' }),
    entry({ name: 'empty/', type: '5', mode: 0o755 }),
  )
  const { knitId } = pushed(await upload(front, archive))
  const headers = headersIn((await ask(`GET /api/data/${knitId}`)).body)
  expect(headers).toMatchObject([
    { name: 'empty/', type: '5' },
    { name: 'link', type: '2', target: 'run' },
    { name: 'private', type: '0', mode: 0o600 },
    { name: 'run', type: '0', mode: 0o755 },
  ])
})

test('download: what was uploaded, byte for byte', async ({ front, ask }) => {
  const { knitId } = pushed(await upload(front, tgz(entry({ name: 'a' }, 'hello <&> é'))))
  const { body, trailers } = await ask(`GET /api/data/${knitId}`)
  expect(gunzipSync(body).toString()).toContain('hello <&> é')
  expect(trailers['x-checksum-md5']).toBe(md5(body))
})

test('tag update: removed exactly and by key first, then put', async ({ ask, world }) => {
  const knitId = await makeData(world, 'a:1', 'a:2', 'b:1', 'b:2')
  const change = { remove: ['b:1', 'b:9'], remove_key: ['a', 'z'], add: ['a:1', 'b:2', 'c:1'] }
  const { tags } = (await ask(`PUT /api/data/${knitId}`, change)).json as Data
  expect(tags.filter((tag) => !tag.startsWith('knit#'))).toEqual(['a:1', 'b:2', 'c:1'])
})

test.for(['null', '{}', '{"add":null,"remove":[],"remove_key":null}'])(
  'tag update: %s is an empty change',
  async (body, { ask, world }) => {
    const knitId = await makeData(world, 'a:1')
    expect(((await ask(`PUT /api/data/${knitId}`, body)).json as Data).tags).toContain('a:1')
  },
)

test.for([{ add: ['knit#id:1'] }, { remove: ['knit#x:1'] }, { remove_key: ['knit#timestamp'] }])(
  'tag update: %j is 400, and nothing changes',
  async (change, { ask, world }) => {
    const knitId = await makeData(world, 'a:1')
    const whole = {
      ...change,
      remove_key: ['a', ...('remove_key' in change ? (change.remove_key ?? []) : [])],
    }
    expectError(await ask(`PUT /api/data/${knitId}`, whole), 400, 'format error')
    expect((await find(ask, knitId))?.tags).toContain('a:1')
  },
)

test.for([{ add: ['a:1'] }, { remove: ['a:1'] }, {}, null])(
  'tag update: %j of unknown data is 404',
  async (change, { ask }) => {
    expectError(await ask(`PUT /api/data/${nobody}`, change), 404, 'correspontind data is missing')
  },
)

test.for(['waiting', 'running', 'failed', 'done'] as const)(
  'tag update: data of a run that is %s',
  async (status, { ask, world }) => {
    const { outputs } = await makeRun(world, { status })
    const reply = await ask(`PUT /api/data/${outputs[0]}`, { add: ['late:1'] })
    expect((reply.json as Data).tags).toContain('late:1')
  },
)

test('nomination: every input that the data fits, and none that it fits no more', async ({
  ask,
  world,
}) => {
  const { text } = ownTag()
  const knitId = await makeData(world, text)
  const plans = [
    await makePlan(world, { inputs: { '/a': [text], '/b': [text] } }),
    await makePlan(world, { inputs: { '/c': [text] } }),
  ]
  for (const planId of plans) await makeRunsDue(world, planId)
  const { nomination, downstreams } = (await find(ask, knitId)) ?? {}
  expect(nomination?.map(({ path }) => path).toSorted()).toEqual(['/a', '/b', '/c'])
  // The same data on two inputs of one plan: one run, which is there twice.
  expect(downstreams).toHaveLength(3)
  expect(new Set(downstreams?.map(({ run }) => run.runId)).size).toBe(2)
  const changed = (await ask(`PUT /api/data/${knitId}`, { remove: [text] })).json as Data
  expect(changed.nomination).toEqual([])
  expect(changed.downstreams).toHaveLength(3)
})

test('downstreams: runs that were invalidated are left out', async ({ ask, world }) => {
  const { inputs } = await makeRun(world, { status: 'invalidated' })
  expect((await find(ask, inputs[0] ?? ''))?.downstreams).toEqual([])
})

test('upstream: a mountpoint or a log, and never both', async ({ ask, world }) => {
  const { outputs } = await makeRun(world, { status: 'done' })
  const [output, , log] = await Promise.all(outputs.map((knitId) => find(ask, knitId)))
  expect(Object.keys(output?.upstream ?? {})).toEqual(['mountpoint', 'run'])
  expect(Object.keys(log?.upstream ?? {})).toEqual(['log', 'run'])
})

test('data of a failed run have a timestamp, and can be downloaded', async ({ ask, front }) => {
  const { outputs, runId } = await makeRun(front.world, { status: 'failed' })
  await front.world.sql`update data set ended_at = now() where run_id = ${runId}`
  const data = await find(ask, outputs[0] ?? '')
  expect(data?.tags.map((tag) => tag.split(':')[0])).toEqual(
    expect.arrayContaining(['knit#timestamp', 'knit#transient']),
  )
  await mkdir(front.volumes.place(volumeOf(outputs[0] ?? '')))
  expect((await ask(`GET /api/data/${outputs[0]}`)).status).toBe(200)
})
