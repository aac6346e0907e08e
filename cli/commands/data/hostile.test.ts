import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CORPUS, file } from '#shared/archive/test-hostile-archives.ts'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { stubWithArchive } from '#shared/client/stub-of-the-wire.ts'
import { idOf } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from '../../testing.ts'

const knitId = idOf('d1')

/** A project with something in it that must stay as it is, and a server that sends this archive for any data. */
async function facing(body: Buffer) {
  const stub = await stubWithArchive(body)
  const dir = projectFor(stub)
  writeFileSync(join(dir, 'canary'), 'untouched')
  const names = readdirSync(dir)
  const isUntouched = (...more: string[]) => {
    expect(readdirSync(dir).toSorted()).toEqual([...names, ...more].toSorted())
    expect(readFileSync(join(dir, 'canary'), 'utf8')).toBe('untouched')
  }
  return { dir, isUntouched, [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose]() }
}

/** Caps are those of the server: here nobody says how much one may pull. */
const harmful = CORPUS.filter(([kind]) => kind !== 'bombs')

describe.each(harmful)('pull -x of hostile %s fails and leaves nothing anywhere:', (_, cases) => {
  test.each(Object.entries(cases))('%s', async (_, { archive }) => {
    await using server = await facing(archive)
    const { code, stdout, stderr } = await knit(['data', 'pull', '-x', knitId, 'out'], server.dir)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^data pull .*\ntry: knit .*\n$/)
    server.isUntouched('out')
    expect(readdirSync(join(server.dir, 'out'))).toEqual([])
  })
})

const [, names = {}] = CORPUS.find(([kind]) => kind === 'names') ?? []

test.each(Object.entries(names))('ls and cat refuse %s', async (_, { archive }) => {
  await using server = await facing(archive)
  for (const words of [
    ['ls', knitId],
    ['cat', knitId, 'none'],
  ]) {
    const { code, stdout } = await knit(['data', ...words], server.dir)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  }
  server.isUntouched()
})

test('a name that would do something to a terminal is shown as text', async () => {
  await using server = await facing(tgz(file, entry({ name: '\u001b[2Jx\ny' }, '')))
  for (const output of ['name', 'table'])
    expect((await knit(['data', 'ls', knitId, '--output', output], server.dir)).stdout).toContain(
      '\\u001b[2Jx\\ny',
    )
})

test('pull writes neither through a link that is there, nor over it', async () => {
  await using server = await facing(tgz(file))
  const { dir } = server
  mkdirSync(join(dir, 'out'))
  symlinkSync('../canary', join(dir, 'out', `${knitId}.tar.gz`))
  symlinkSync('../nowhere', join(dir, 'out', knitId))
  const extracted = await knit(['data', 'pull', '-x', knitId, 'out'], dir)
  expect(extracted.code).toBe(1)
  expect(extracted.stderr).toContain('is there already')
  expect((await knit(['data', 'pull', knitId, 'out'], dir)).code).toBe(0)
  server.isUntouched('out')
})
