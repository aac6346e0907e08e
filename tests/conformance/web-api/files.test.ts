import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import type { FileEntry, FileList } from '#shared/domain/file-list.ts'
import { makeData } from '#tests/support/makers.ts'
import { send, type Front } from '#tests/support/over-socket.ts'
import { expectError, nobody, test, type Ask } from './wire.ts'

async function pushed(front: Front, ...entries: Buffer[]): Promise<string> {
  const body = tgz(...entries)
  const reply = await send(front, { method: 'POST', path: '/api/data', body })
  expect(reply.status).toBe(200)
  return (JSON.parse(reply.text) as { knitId: string }).knitId
}

/** A data with these files and links (`-> target`), as no upload would be taken. */
async function written(front: Front, ...things: string[]): Promise<string> {
  const knitId = await makeData(front.world)
  const folder = front.volumes.place(volumeOf(knitId))
  for (const thing of things) {
    const [path = '', target] = thing.split(' -> ')
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    if (target === undefined) writeFileSync(join(folder, path), path)
    else symlinkSync(target, join(folder, path))
  }
  return knitId
}

const query = (parameters: Record<string, string>): string => `?${new URLSearchParams(parameters)}`
const list = (ask: Ask, knitId: string, parameters = {}) =>
  ask(`GET /api/data/${knitId}/files${query(parameters)}`)
const read = (ask: Ask, knitId: string, path: string) =>
  ask(`GET /api/data/${knitId}/file${query({ path })}`)

const small = ['a', 'd/b', 'd/c/e', 'd.txt', 'z'].map((name) => entry({ name }, name))

test('files: those of an archive, in its order, below a path or all', async ({ front, ask }) => {
  const link = entry({ name: 'd/link', type: '2', target: '../a' })
  const knitId = await pushed(front, ...small, entry({ name: 'empty/', type: '5' }), link)
  const reply = await list(ask, knitId)
  expect(reply.headers['content-type']).toBe('application/json')
  const { files } = reply.json as FileList
  expect(files.map(({ path }) => path)).toEqual([
    'a',
    'd/b',
    'd/c/e',
    'd/link',
    'd.txt',
    'empty',
    'z',
  ])
  expect(files.find(({ path }) => path === 'd/c/e')).toEqual({
    path: 'd/c/e',
    type: 'file',
    size: 5,
    mode: '644',
    mtime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?\+00:00$/),
  })
  expect(files.find(({ path }) => path === 'd/link')).toMatchObject({
    type: 'symlink',
    target: '../a',
  })
  expect(files.find(({ path }) => path === 'empty')).toMatchObject({ type: 'directory', size: 0 })
  const below = (await list(ask, knitId, { path: 'd' })).json as FileList
  expect(below.files.map(({ path }) => path)).toEqual(['d/b', 'd/c/e', 'd/link'])
})

test('files: a trailing slash makes no difference', async ({ front, ask }) => {
  const knitId = await pushed(front, ...small)
  for (const path of [`/api/data/${knitId}/files`, `/api/data/${knitId}/file`]) {
    const [plain, slash] = [await ask(`GET ${path}?path=a`), await ask(`GET ${path}/?path=a`)]
    expect([slash.status, slash.text]).toEqual([plain.status, plain.text])
    expect(plain.status).toBe(200)
  }
})

test('files: in parts they are all there, each once, whatever the size of a part', async ({
  front,
  ask,
}) => {
  const names = Array.from({ length: 250 }, (_, index) => `n${index % 7}/${index}`)
  const knitId = await pushed(front, ...names.map((name) => entry({ name }, '')))
  const { files: all } = (await list(ask, knitId)).json as FileList
  expect(all).toHaveLength(250)
  for (const limit of [1, 7, 249, 250, 10_000]) {
    const found: FileEntry[] = []
    let after: string | undefined
    do {
      const part = (
        await list(ask, knitId, { limit: `${limit}`, ...(after !== undefined && { after }) })
      ).json as FileList
      expect(part.files.length).toBeLessThanOrEqual(limit)
      found.push(...part.files)
      after = part.after
    } while (after !== undefined)
    expect(found).toEqual(all)
  }
})

test('file: its bytes, and no others', async ({ front, ask }) => {
  const knitId = await pushed(front, ...small)
  for (const path of ['a', 'd/b', 'd/c/e', './d//c/e/', '/z']) {
    const { status, text, headers } = await read(ask, knitId, path)
    expect([status, text]).toEqual([200, path.replace(/^\.?\/|\/$/g, '').replace('//', '/')])
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': `${text.length}`,
      'x-content-type-options': 'nosniff',
    })
  }
})

test.for(['files', 'file?path=a', 'files?path=a'])(
  '%s: of data that are unknown, malformed or empty it is the planned 404',
  async (route, { ask }) => {
    for (const id of [nobody, 'nonsense', nobody.toUpperCase(), '%20', ''])
      expectError(await ask(`GET /api/data/${id}/${route}`), 404, 'not found')
  },
)

/** All that has ever led out of a folder. */
const tricks = [
  '..',
  '../canary',
  'd/../../canary',
  'd/..',
  '/../canary',
  './../canary',
  '//..//canary',
  'd/./../../canary',
  'a\0',
  '\0',
  'a\0/../../canary',
]

test.for(tricks)('the path %j is 400, of a list and of a file', async (path, { front, ask }) => {
  writeFileSync(join(front.volumes.folder, 'volumes/canary'), 'canary')
  const knitId = await written(front, 'a', 'd/b')
  for (const reply of [
    await read(ask, knitId, path),
    await list(ask, knitId, { path }),
    await list(ask, knitId, { after: path }),
  ])
    expectError(reply, 400, 'bad request')
})

test.for([
  '..\\canary',
  '%2e%2e/canary',
  '%2e%2e%2fcanary',
  '..%2fcanary',
  '..%00',
  '..;/canary',
  '．．/canary',
  '~',
  '~root',
  'file:///etc/passwd',
  'C:/canary',
  'etc/passwd',
  'proc/self/environ',
  'd/b/c',
  'lost+found/secret',
  'n'.repeat(256),
  'n/'.repeat(2500),
  '*',
  'd/*',
])('the path %j is a name like any other, and nothing is there', async (path, { front, ask }) => {
  writeFileSync(join(front.volumes.folder, 'volumes/canary'), 'canary')
  const knitId = await written(front, 'a', 'd/b', 'lost+found/secret')
  expectError(await read(ask, knitId, path), 404, 'not found')
  expectError(await list(ask, knitId, { path }), 404, 'not found')
})

test('dots, and slashes that are encoded, lead from the path of the request to no other route', async ({
  front,
  ask,
}) => {
  const knitId = await written(front, 'a')
  for (const path of [
    `/api/data/${knitId}/file/../../../runs`,
    `/api/data/${knitId}/file/%2e%2e/metadata?path=a`,
    `/api/data/${knitId}/file/a`,
    `/api/data/${knitId}/files/a`,
    `/api/data/${knitId}/file%2Fa`,
    `/api/data/${knitId}%2Ffile?path=a`,
  ]) {
    const { status, text } = await ask(`GET ${path}`)
    expect([404, 200]).toContain(status)
    expect(text).not.toBe('a')
  }
})

test('links that leave the data are listed as they are, and lead nowhere', async ({
  front,
  ask,
}) => {
  const { folder } = front.volumes
  writeFileSync(join(folder, 'volumes/canary'), 'canary')
  const other = volumeOf(await written(front, 'secret'))
  const links = {
    up: '..',
    canary: '../canary',
    other: `../${other}/secret`,
    etc: '/etc/passwd',
    home: folder,
    proc: '/proc/self/environ',
    chain: 'd/chain',
    'd/chain': '../up/canary',
    round: 'round',
  }
  const knitId = await written(
    front,
    'd/b',
    ...Object.entries(links).map(([path, target]) => `${path} -> ${target}`),
  )
  const { files } = (await list(ask, knitId)).json as FileList
  expect(
    Object.fromEntries(files.flatMap(({ path, target }) => (target ? [[path, target]] : []))),
  ).toEqual(links)
  const paths = [...Object.keys(links), 'up/canary', `up/${other}/secret`, 'home/volumes/canary']
  for (const path of paths) {
    expectError(await read(ask, knitId, path), 404, 'not found')
    if (!(path in links)) expectError(await list(ask, knitId, { path }), 404, 'not found')
  }
})

test('links that stay in the data are followed', async ({ front, ask }) => {
  const knitId = await written(front, 'd/file', 'link -> d/file', 'to-d -> d', 'd/up -> ../link')
  for (const path of ['link', 'to-d/file', 'd/up', 'to-d/up'])
    expect((await read(ask, knitId, path)).text).toBe('d/file')
  const { files } = (await list(ask, knitId, { path: 'to-d' })).json as FileList
  expect(files).toMatchObject([{ path: 'to-d', type: 'symlink', target: 'd' }])
})

test('names of any letters are listed as they are, and lead to their files', async ({
  front,
  ask,
}) => {
  const names = [
    'a b',
    '日本語',
    '🎨',
    'a\nb',
    '"',
    '\\',
    '%41',
    '+',
    '&path=x',
    '<script>',
    '\u202e',
    '-',
    '...',
  ]
  const knitId = await written(front, ...names)
  const { files } = (await list(ask, knitId)).json as FileList
  expect(new Set(files.map(({ path }) => path))).toEqual(new Set(names))
  for (const name of names) expect((await read(ask, knitId, name)).text).toBe(name)
})
