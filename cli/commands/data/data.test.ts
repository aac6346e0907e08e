import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import {
  stubOfTheWire,
  stubWithArchive,
  type Seen,
  type StubAnswer,
} from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { withoutPauses } from '#shared/client/without-pauses.ts'
import { knit, projectFor, serverThat, tempDir } from '../../testing.ts'

const knitId = idOf('d1')
const upload = sampleRun('u1', { outputs: [['/upload', 'd1']] })
const bare = sampleData('d1', upload)
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')

async function archiveOf(files: Record<string, string>): Promise<Buffer> {
  const dir = tempDir()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return buffer(pack(dir))
}

test('find sends its filters, keeps what is wanted and prints an array', async () => {
  const failed = sampleData('d2', upload, [], ['knit#transient:failed', 'note:a<b>&c'])
  await using stub = await stubOfTheWire(() => ({ json: [bare, failed] }))
  const words = ['data', 'find', '-t', 'a: b', '--transient', 'yes', '--since', '2025-01-01Z']
  const { code, stdout } = await knit([...words, '--duration', '24h'], projectFor(stub))
  expect(code).toBe(0)
  expect(stdout).toContain('"note:a\\u003cb\\u003e\\u0026c"')
  expect(stdout).toMatch(/^\[\n {4}\{\n {8}"knitId"[^]*\n\]\n$/)
  expect(JSON.parse(stdout)).toEqual([failed])
  expect(stub.requests[0]?.url).toBe(
    '/api/data?tag=a%3Ab&since=2025-01-01T00%3A00%3A00Z&duration=86400000000000ns',
  )
})

test('find prints [] where nothing fits, and a table for people', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  const dir = projectFor(stub)
  expect((await knit(['data', 'find'], dir)).stdout).toBe('[]\n')
  expect((await knit(['data', 'find', '--output', 'table'], dir)).stdout).toBe(
    'KNIT ID  TIMESTAMP  STATE  TAGS\n',
  )
})

test('tag prints the data as it is now', async () => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const words = ['data', 'tag', knitId, '--add', 'a:b', '--remove', 'c:d', '--remove-key', 'e']
  const { stdout } = await knit(words, projectFor(stub))
  expect(JSON.parse(stdout)).toEqual(bare)
  expect(JSON.parse(String(stub.requests[0]?.body))).toEqual({
    add: [{ key: 'a', value: 'b' }],
    remove: [{ key: 'c', value: 'd' }],
    remove_key: ['e'],
  })
})

test('push sends directories and files with their tags, and prints one object for each', async () => {
  const tagged = (request: Seen) =>
    sampleData('d1', upload, [], new URL(request.url, 'http://h').searchParams.getAll('tag'))
  await using stub = await stubOfTheWire((request) => ({ json: tagged(request) }))
  const dir = projectFor(stub)
  mkdirSync(join(dir, 'set'))
  writeFileSync(join(dir, 'set/a.txt'), 'hello')
  writeFileSync(join(dir, 'one.csv'), '1,2')
  writeFileSync(join(dir, 'knitenv'), 'tag: ["project:p", "knit#id:x"]\n')
  const { code, stdout } = await knit(['data', 'push', 'set/', 'one.csv', '-n', '-t', 'a:b'], dir)
  expect(code).toBe(0)
  expect(stdout.match(/^\{$[^]*?^\}$\n/gm)).toHaveLength(2)
  expect(stub.requests.map(({ url }) => decodeURIComponent(url))).toEqual([
    '/api/data?tag=a:b&tag=name:set&tag=project:p',
    '/api/data?tag=a:b&tag=name:one.csv&tag=project:p',
  ])
  for (const request of stub.requests)
    expect(request.trailers['x-checksum-md5']).toBe(md5(request.body))
  const out = tempDir()
  await unpack(Readable.from([stub.requests[0]?.body]), out)
  expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('hello')
})

test.each([
  ['as it is', (tar: Buffer) => tar],
  ['compressed', gzipSync],
])('push - sends the tar archive that comes on stdin %s, as a tar.gz', async (_, come) => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const tar = gunzipSync(await archiveOf({ 'a.txt': 'hello', large: 'x'.repeat(1_000_000) }))
  const came = come(tar)
  // Not even the first bytes come in one piece.
  const stdin = Readable.from([came.subarray(0, 1), came.subarray(1, 7), came.subarray(7)])
  const words = ['data', 'push', '-', '--tag', 'a:b', '--output', 'name']
  const { code, stdout, stderr } = await knit(words, projectFor(stub), { stdin })
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${knitId}\n` })
  expect(stderr).toContain(`stdin: registered as ${knitId}\n`)
  const [sent] = stub.requests
  expect(sent?.url).toBe('/api/data?tag=a%3Ab')
  expect(sent?.headers['content-type']).toBe('application/tar+gzip')
  expect(sent?.trailers['x-checksum-md5']).toBe(md5(sent?.body ?? Buffer.alloc(0)))
  expect(gunzipSync(sent?.body ?? '')).toEqual(tar)
})

test('push - is one source among others', async () => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const stdin = Readable.from([await archiveOf({ a: 'x' })])
  const { code } = await knit(['data', 'push', 'store', '-'], projectFor(stub), { stdin })
  expect({ code, asked: stub.requests.length }).toEqual({ code: 0, asked: 2 })
})

test.each([
  ['- -', false, 'what comes on stdin can be pushed once'],
  ['- --name', false, 'what comes on stdin has no name; give it one with --tag name:NAME'],
  ['-', true, 'no archive comes on stdin'],
])('push %s with a terminal on stdin: %s is a misuse: %s', async (words, isTTY, says) => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const stdin = Object.assign(Readable.from([]), { isTTY })
  const line = ['data', 'push', ...words.split(' ')]
  const { code, stderr } = await knit(line, projectFor(stub), { stdin })
  expect(code).toBe(2)
  expect(stderr).toContain(says)
  expect(stub.requests).toEqual([])
})

test('push - of nothing, or of what breaks off, pushes nothing', async () => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const push = (stdin: Readable) => knit(['data', 'push', '-'], projectFor(stub), { stdin })
  const empty = await push(Readable.from([]))
  expect(empty).toMatchObject({ code: 1, stderr: expect.stringContaining('ends too early') })
  async function* breaking() {
    yield randomBytes(1_000_000)
    throw Object.assign(new Error('read EIO'), { code: 'EIO', syscall: 'read' })
  }
  const broken = await push(Readable.from(breaking()))
  expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('EIO') })
  expect(stub.requests).toEqual([])
})

test('push - ends with the answer of a server that refuses it, however much is still to come', async () => {
  await using server = await serverThat((_, response) => {
    response.writeHead(413).end(JSON.stringify({ message: 'too much' }))
  })
  const endless = new Readable({ read: () => {} })
  endless.push(randomBytes(100_000))
  const { code, stderr } = await knit(['data', 'push', '-'], projectFor(server), { stdin: endless })
  expect(code).toBe(1)
  expect(stderr).toContain('too much (HTTP 413)')
  expect(endless.destroyed).toBe(true)
})

test('on a terminal the line of progress is gone before anything else is said', async () => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const dir = projectFor(stub)
  const { stderr } = await knit(['data', 'push', 'store'], dir, { terminal: true })
  const [bar, rest] = stderr.split('\r\u001B[K')
  expect(bar).toMatch(/^\r *\d+%/)
  expect(rest).toMatch(/^\[knit data push\] .* registered as .*\n$/)
})

test('push tags afterwards where the server passes over the tags of an upload', async () => {
  const after = sampleData('d1', upload, [], ['a:b'])
  await using stub = await stubOfTheWire(({ method }) => ({
    json: method === 'POST' ? bare : after,
  }))
  const dir = projectFor(stub)
  const { stdout } = await knit(['data', 'push', 'store', '-t', 'a:b'], dir)
  expect(JSON.parse(stdout)).toEqual(after)
  expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'PUT'])
  expect(JSON.parse(String(stub.requests[1]?.body))).toEqual({ add: [{ key: 'a', value: 'b' }] })
})

test('push names the data it could not tag', async () => {
  const answers = ({ method }: Seen): StubAnswer =>
    method === 'POST' ? { json: bare } : { status: 500, json: { message: 'no' } }
  await using stub = await stubOfTheWire(answers)
  const { code, stdout, stderr } = await knit(
    ['data', 'push', 'store', '-t', 'a:b'],
    projectFor(stub),
  )
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain(
    `${knitId} is registered, but could not be tagged: no\ntry: knit data tag ${knitId} --add a:b\n`,
  )
})

test('what is advised after a push that failed can be pasted, whatever is in it', async () => {
  const refused = { status: 503, json: { message: 'not now' } }
  await using stub = await stubOfTheWire(() => refused)
  const dir = projectFor(stub)
  mkdirSync(join(dir, 'my set'))
  const { stderr } = await knit(['data', 'push', 'my set', '--tag', "a:it's"], dir)
  expect(stderr).toMatch(/^data push 'my set': not now \(HTTP 503\)$/m)
  expect(stderr).toMatch(/then: knit data push 'my set' --tag 'a:it'\\''s'\n$/)
})

test('push goes on past a missing source, and fails at the end', async () => {
  await using stub = await stubOfTheWire(() => ({ json: bare }))
  const { code, stdout, stderr } = await knit(['data', 'push', 'none', 'store'], projectFor(stub))
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual(bare)
  expect(stderr).toContain('not pushed, as there is no such file: none\n')
})

test('pull saves the archive under its id once it is whole', async () => {
  const body = await archiveOf({ a: '1' })
  await using stub = await stubOfTheWire(() => ({
    body,
    trailers: { 'x-checksum-md5': md5(body) },
  }))
  const dir = projectFor(stub)
  expect(await knit(['data', 'pull', knitId, 'to/there'], dir)).toMatchObject({
    code: 0,
    stdout: '',
  })
  expect(readdirSync(join(dir, 'to/there'))).toEqual([`${knitId}.tar.gz`])
  expect(readFileSync(join(dir, 'to/there', `${knitId}.tar.gz`)).equals(body)).toBe(true)
})

test('pull -x unpacks into a directory of the id, and not over one that is there', async () => {
  const body = await archiveOf({ a: '1', b: '2' })
  await using stub = await stubOfTheWire(() => ({
    body,
    trailers: { 'x-checksum-md5': md5(body) },
  }))
  const dir = projectFor(stub)
  expect((await knit(['data', 'pull', '-x', knitId, 'out'], dir)).code).toBe(0)
  expect(readdirSync(join(dir, 'out'))).toEqual([knitId])
  expect(readdirSync(join(dir, 'out', knitId))).toEqual(['a', 'b'])
  const again = await knit(['data', 'pull', '-x', knitId, 'out'], dir)
  expect(again.code).toBe(1)
  expect(again.stderr).toContain('is there already')
})

test('pull - writes the archive to stdout', async () => {
  const body = Buffer.from('any bytes')
  await using stub = await stubOfTheWire(() => ({
    body,
    trailers: { 'x-checksum-md5': md5(body) },
  }))
  expect(await knit(['data', 'pull', knitId, '-'], projectFor(stub))).toEqual({
    code: 0,
    stdout: 'any bytes',
    stderr: '',
  })
})

test.each<[string, StubAnswer]>([
  ['its checksum is wrong', { trailers: { 'x-checksum-md5': 'f00' } }],
  ['it has no checksum', {}],
  ['the connection breaks again and again', { cut: true }],
])('pull leaves nothing behind when %s', async (_, end) => {
  withoutPauses()
  const body = await archiveOf({ a: '1' })
  await using stub = await stubOfTheWire(() => ({ body, ...end }))
  const dir = projectFor(stub)
  for (const flags of [[], ['-x']]) {
    const { code, stderr } = await knit(['data', 'pull', knitId, 'out', ...flags], dir)
    expect(code).toBe(1)
    expect(stderr).toMatch(/checksum|connection broke|too early/)
    expect(readdirSync(join(dir, 'out'))).toEqual([])
  }
})

test('pull of unknown data makes no directory', async () => {
  const answer = { status: 404, json: { message: 'not found' } }
  await using stub = await stubOfTheWire(() => answer)
  const dir = projectFor(stub)
  const { code, stderr } = await knit(['data', 'pull', knitId, 'out'], dir)
  expect(code).toBe(1)
  expect(stderr).toBe(`data pull ${knitId} out: not found (HTTP 404)\ntry: knit data find\n`)
  expect(existsSync(join(dir, 'out'))).toBe(false)
})

async function archiveOfTree(): Promise<Buffer> {
  const dir = tempDir()
  mkdirSync(join(dir, 'd/empty'), { recursive: true })
  writeFileSync(join(dir, 'a.txt'), 'hello')
  chmodSync(join(dir, 'a.txt'), 0o755)
  writeFileSync(join(dir, 'd/b'), '\0\xff')
  symlinkSync('../a.txt', join(dir, 'd/link'))
  writeFileSync(join(dir, 'z'), randomBytes(2 ** 20))
  return buffer(pack(dir))
}

test('ls looks through the archive of a server that lists nothing, and keeps nothing of it', async () => {
  await using stub = await stubWithArchive(await archiveOfTree())
  const dir = projectFor(stub)
  const before = readdirSync(dir)
  const { stdout } = await knit(['data', 'ls', knitId], dir)
  expect(stdout).toBe('a.txt\nd/b\nd/empty/\nd/link\nz\n')
  const table = (await knit(['data', 'ls', knitId, '--output', 'table'], dir)).stdout
  expect(table).toMatch(/^PATH +SIZE +MODE +LINK TO\na\.txt +5 +755\nd\/b +3 +\d+\n/)
  expect(table).toMatch(/^d\/link +0 +\d+ +\.\.\/a\.txt$/m)
  expect(readdirSync(dir)).toEqual(before)
})

test('ls lists a directory of data however it is written, as JSON too', async () => {
  await using stub = await stubWithArchive(await archiveOfTree())
  const dir = projectFor(stub)
  for (const path of ['d', './d/', '/d']) {
    const { stdout } = await knit(['data', 'ls', knitId, path], dir)
    expect(stdout).toBe('d/b\nd/empty/\nd/link\n')
  }
  const { stdout } = await knit(['data', 'ls', knitId, 'd/link', '--output', 'json'], dir)
  expect(JSON.parse(stdout)).toEqual([
    { path: 'd/link', type: 'symlink', size: 0, mode: expect.any(String), target: '../a.txt' },
  ])
  expect(await knit(['data', 'ls', knitId, 'e'], dir)).toEqual({
    code: 1,
    stdout: '',
    stderr: `data ${knitId} has nothing at e\ntry: knit data ls ${knitId}\n`,
  })
})

test('cat prints files byte by byte, and reads no further than it must', async () => {
  const body = await archiveOfTree()
  await using stub = await stubWithArchive(body, body.length - 2 ** 19)
  const { code, stdout, stderr } = await knit(
    ['data', 'cat', knitId, 'd/b', './a.txt'],
    projectFor(stub),
  )
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'hello\0\xff', stderr: '' })
})

test.each([
  ['nowhere', `data ${knitId} has no file nowhere\ntry: knit data ls ${knitId}\n`],
  ['d/empty', `d/empty is a directory\ntry: knit data ls ${knitId} d/empty\n`],
  ['d/link', `d/link is a symlink to ../a.txt\ntry: knit data ls ${knitId} --output table\n`],
])('cat of %s says why not', async (path, stderr) => {
  await using stub = await stubWithArchive(await archiveOfTree())
  const words = ['data', 'cat', knitId, path]
  expect(await knit(words, projectFor(stub))).toEqual({ code: 1, stdout: '', stderr })
})

test('ls and cat of a download that breaks off fail', async () => {
  withoutPauses()
  const body = await archiveOfTree()
  await using stub = await stubWithArchive(body, 100)
  const dir = projectFor(stub)
  for (const words of [
    ['ls', knitId],
    ['cat', knitId, 'z'],
  ])
    expect((await knit(['data', ...words], dir)).code).toBe(1)
})

test.each(['--extract', '--extract=no'])(
  'pull %s at a terminal says how far it is, where the server knows how much there is',
  async (flag) => {
    const body = await archiveOfTree()
    const content = { bytes: 2 ** 20 + 8, files: 4, digest: 'sha256:1' }
    await using stub = await stubOfTheWire(({ url }) =>
      url.includes('?tag=')
        ? { json: [{ ...bare, content }] }
        : { body, trailers: { 'x-checksum-md5': md5(body) } },
    )
    const dir = projectFor(stub)
    const words = ['data', 'pull', flag, knitId, 'out']
    const { code, stderr } = await knit(words, dir, { terminal: true })
    expect(code).toBe(0)
    expect(stderr).toContain(' of 1.0 MiB  ')
    expect(stub.requests).toHaveLength(2)
  },
)

test('an archive is kept at a terminal, too, whatever is in it', async () => {
  const body = randomBytes(2 ** 18)
  const content = { bytes: 2 ** 20, files: 1, digest: 'sha256:1' }
  await using stub = await stubOfTheWire(({ url }) =>
    url.includes('?tag=')
      ? { json: [{ ...bare, content }] }
      : { body, trailers: { 'x-checksum-md5': md5(body) } },
  )
  const dir = projectFor(stub)
  const { code } = await knit(['data', 'pull', knitId, 'out'], dir, { terminal: true })
  expect(code).toBe(0)
  expect(readFileSync(join(dir, 'out', `${knitId}.tar.gz`)).equals(body)).toBe(true)
})

test('pull -x takes nothing that is not what was stored', async () => {
  const body = await archiveOfTree()
  const back = tempDir()
  const { digest } = await unpack(Readable.from([body]), back)
  for (const stored of [digest, `sha256:${'0'.repeat(64)}`]) {
    await using stub = await stubOfTheWire(() => ({
      body,
      headers: { 'knit-content-digest': stored },
      trailers: { 'x-checksum-md5': md5(body) },
    }))
    const dir = projectFor(stub)
    const { code, stderr } = await knit(['data', 'pull', '-x', knitId, 'out'], dir)
    expect(code).toBe(stored === digest ? 0 : 1)
    if (stored === digest) continue
    expect(stderr).toContain(
      `what the server keeps is not what was stored: its digest is ${digest}, not ${stored}\n`,
    )
    expect(readdirSync(join(dir, 'out'))).toEqual([])
  }
})

test('pull of data that are not what was stored says so, also when a part of them has come', async () => {
  withoutPauses()
  const body = await archiveOfTree()
  const detail = `What is kept of the data ${knitId} is not what was stored: its digest is sha256:1, not sha256:2.`
  for (const begins of [true, false]) {
    await using stub = await stubOfTheWire(({ headers: { range } }) =>
      begins && range === undefined
        ? { body: body.subarray(0, 2 ** 19), headers: { etag: '"e"' }, cut: true }
        : { status: 500, json: { code: 'data-changed', detail } },
    )
    const dir = projectFor(stub)
    const { code, stderr } = await knit(['data', 'pull', knitId, 'out'], dir)
    expect(code).toBe(1)
    expect(stderr).toContain(
      `data pull ${knitId} out: ${detail} (HTTP 500)\ntry: ask an administrator to see to that, then: knit data pull ${knitId} out\n`,
    )
    expect(existsSync(join(dir, 'out', `${knitId}.tar.gz`))).toBe(false)
  }
})

test('pull over a line that breaks says at a terminal that it goes on, and from where', async () => {
  withoutPauses()
  const body = await archiveOfTree()
  const trailers = { 'x-checksum-md5': md5(body) }
  await using stub = await stubOfTheWire(({ url, headers: { range = '' } }) => {
    if (url.includes('?tag=')) return { json: [bare] }
    const from = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0)
    const part = { status: 206, headers: { 'content-range': `bytes ${from}-9007199254740991/*` } }
    return from === 0
      ? { body: body.subarray(0, 2 ** 19), headers: { etag: '"e"' }, cut: true }
      : { ...part, body: body.subarray(from), trailers }
  })
  const dir = projectFor(stub)
  const { code, stderr } = await knit(['data', 'pull', knitId], dir, { terminal: true })
  expect(code).toBe(0)
  expect(readFileSync(join(dir, `${knitId}.tar.gz`)).equals(body)).toBe(true)
  expect(stub.requests.at(-1)?.headers['if-range']).toBe('"e"')
  expect(stderr).toMatch(
    /the connection broke before the answer was complete; trying for \d+ seconds/,
  )
  expect(stderr).toMatch(/the line is back: what is sent goes on behind \d+\.\d KiB\n/)
})
