import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { stubOfTheWire, type Seen, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { idOf } from '#shared/client/wire-samples.ts'
import { withoutPauses } from '#shared/client/without-pauses.ts'
import type { FileEntry } from '#shared/domain/file-list.ts'
import { knit, projectFor } from '../../testing.ts'

const knitId = idOf('d1')

const file = (path: string, more: Partial<FileEntry> = {}): FileEntry => ({
  path,
  type: 'file',
  size: 5,
  mode: '644',
  mtime: '2026-11-01T12:30:00+00:00',
  ...more,
})

const problem = (status: number, code: string, detail: string): StubAnswer => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  json: { status, code, detail },
})
const nothingThere = problem(404, 'file-not-found', 'There is nothing at "none".')

const queryOf = ({ url }: Seen) => Object.fromEntries(new URL(url, 'http://h').searchParams)

test('ls asks for a list part by part, and for no archive', async () => {
  const parts: Record<string, StubAnswer> = {
    first: { json: { files: [file('d/a'), file('d/b/c')], after: 'b/c' } },
    'b/c': { json: { files: [file('d/e', { type: 'directory', size: 0 })], after: 'e' } },
    e: { json: { files: [file('d/l', { type: 'symlink', size: 0, target: '../a' })] } },
  }
  await using stub = await stubOfTheWire((request) => {
    const { after = 'first' } = queryOf(request)
    return parts[after] ?? 'hang up'
  })
  const dir = projectFor(stub)
  expect(await knit(['data', 'ls', knitId, './d/'], dir)).toEqual({
    code: 0,
    stdout: 'd/a\nd/b/c\nd/e/\nd/l\n',
    stderr: '',
  })
  expect(stub.requests.map(queryOf)).toEqual([
    { path: 'd', limit: '10000' },
    { path: 'd', limit: '10000', after: 'b/c' },
    { path: 'd', limit: '10000', after: 'e' },
  ])
  for (const { url } of stub.requests) expect(url).toMatch(`/api/data/${knitId}/files?`)
  const { stdout } = await knit(['data', 'ls', knitId, 'd', '--output', 'json'], dir)
  expect(JSON.parse(stdout)).toMatchObject([
    file('d/a'),
    file('d/b/c'),
    { path: 'd/e', type: 'directory' },
    { path: 'd/l', target: '../a' },
  ])
})

test('ls prints a part of the list before it asks for the next', async () => {
  let printed = ''
  const before: string[] = []
  const parts = [{ files: [file('a')], after: 'a' }, { files: [file('b')] }]
  await using stub = await stubOfTheWire(() => {
    before.push(printed)
    return { json: parts.shift() }
  })
  const stdout = new Writable({
    write(chunk, _, done) {
      printed += chunk
      done()
    },
  })
  await knit(['data', 'ls', knitId], projectFor(stub), { stdout })
  expect([...before, printed]).toEqual(['', 'a\n', 'a\nb\n'])
})

test('ls says when there is nothing, and shows hostile names as text', async () => {
  const answers = (request: Seen): StubAnswer =>
    queryOf(request)['path'] === undefined
      ? { json: { files: [file('\u001b[2Jx\ny')] } }
      : nothingThere
  await using stub = await stubOfTheWire(answers)
  const dir = projectFor(stub)
  expect(await knit(['data', 'ls', knitId, 'none'], dir)).toEqual({
    code: 1,
    stdout: '',
    stderr: `data ${knitId} has nothing at none\ntry: knit data ls ${knitId}\n`,
  })
  expect((await knit(['data', 'ls', knitId], dir)).stdout).toBe('\\u001b[2Jx\\ny\n')
})

test('cat asks for the files alone, and prints them in the order in which they lie there', async () => {
  const contents: Record<string, string> = { 'a/b c': '\0\xff', 'a.txt': 'hello', 'z?': '' }
  await using stub = await stubOfTheWire((request) => {
    const { path = '' } = queryOf(request)
    return { body: contents[path] ?? 'other' }
  })
  const words = ['data', 'cat', knitId, 'z?', './a.txt', 'a/b c', 'a.txt']
  expect(await knit(words, projectFor(stub))).toEqual({
    code: 0,
    stdout: '\0\xffhello',
    stderr: '',
  })
  expect(stub.requests.map(queryOf)).toEqual(['a/b c', 'a.txt', 'z?'].map((path) => ({ path })))
  for (const { url } of stub.requests) expect(url).toMatch(`/api/data/${knitId}/file?`)
})

test('cat prints what there is of several files, and names the others', async () => {
  await using stub = await stubOfTheWire((request) =>
    queryOf(request)['path'] === 'there' ? { body: 'it is' } : nothingThere,
  )
  const words = ['data', 'cat', knitId, 'none', 'there', 'neither']
  expect(await knit(words, projectFor(stub))).toEqual({
    code: 1,
    stdout: 'it is',
    stderr: `data ${knitId} has no file neither, none\ntry: knit data ls ${knitId}\n`,
  })
})

test('cat of what is no file says what it is', async () => {
  const refusal = problem(400, 'not-a-file', '"d" is a directory.')
  await using stub = await stubOfTheWire(() => refusal)
  expect(await knit(['data', 'cat', knitId, 'd'], projectFor(stub))).toEqual({
    code: 1,
    stdout: '',
    stderr: `"d" is a directory.\ntry: knit data ls ${knitId} d\n`,
  })
})

test('cat goes on where the line broke', async () => {
  withoutPauses()
  const content = 'x'.repeat(1000) + 'y'.repeat(1000)
  await using stub = await stubOfTheWire(({ headers: { range } }) => {
    const whole = { 'content-length': '2000', etag: '"e"' }
    const from = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0)
    if (from === 0) return { body: content.slice(0, 700), headers: whole, cut: true }
    const part = { 'content-range': `bytes ${from}-1999/2000`, etag: '"e"' }
    return { status: 206, headers: part, body: content.slice(from) }
  })
  const { code, stdout } = await knit(['data', 'cat', knitId, 'file'], projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 0, stdout: content })
  expect(stub.requests.at(-1)?.headers).toMatchObject({ 'if-range': '"e"' })
})

test.each([
  ['ls', 'data-not-found', 'knit data find'],
  ['cat', 'data-not-found', 'knit data find'],
  [
    'ls',
    'volume-unreachable',
    `ask an administrator to see to that, then: knit data ls ${knitId} a`,
  ],
  [
    'cat',
    'volume-unreachable',
    `ask an administrator to see to that, then: knit data cat ${knitId} a`,
  ],
])('%s that is refused as %s asks for no archive', async (verb, code, next) => {
  const status = code === 'data-not-found' ? 404 : 502
  await using stub = await stubOfTheWire(() => problem(status, code, 'That is so.'))
  const refused = await knit(['data', verb, knitId, 'a'], projectFor(stub))
  expect(refused).toEqual({
    code: 1,
    stdout: '',
    stderr: `data ${verb} ${knitId} a: That is so. (HTTP ${status})\ntry: ${next}\n`,
  })
  expect(stub.requests).toHaveLength(1)
})

test('an older server of ours, which says that it has no such route, is asked for the archive', async () => {
  const answers: StubAnswer = problem(404, 'route-not-found', 'There is nothing.')
  await using stub = await stubOfTheWire(() => answers)
  for (const words of [
    ['ls', knitId],
    ['cat', knitId, 'a'],
  ])
    expect((await knit(['data', ...words], projectFor(stub))).code).toBe(1)
  expect(stub.requests.map(({ url }) => url)).toEqual([
    `/api/data/${knitId}/files?limit=10000`,
    `/api/data/${knitId}`,
    `/api/data/${knitId}/file?path=a`,
    `/api/data/${knitId}`,
  ])
})
