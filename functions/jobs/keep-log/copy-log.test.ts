import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { copyLog } from './copy-log.ts'

const test = base.extend<{ file: string }>({
  file: async ({}, use) => {
    const folder = mkdtempSync('/var/tmp/knit-keep-log-')
    await use(join(folder, 'log'))
    rmSync(folder, { recursive: true })
  },
})

type Try = AsyncIterable<Buffer> | undefined | Error

/** What comes at each try; the program has ended with the last. */
function scripted(tries: Try[]) {
  const over = new AbortController()
  const left = [...tries]
  const openNext = async () => {
    const next = left.shift()
    if (left.length === 0) over.abort()
    if (next instanceof Error) throw next
    return next
  }
  return { open: openNext, over: over.signal }
}

async function* log(...pieces: (string | Error)[]) {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece
    yield Buffer.from(piece)
  }
}

const copy = (file: string, ...tries: Try[]) =>
  copyLog({ ...scripted(tries), target: () => open(file, 'ax') })

test('a log is copied once its program has begun', async ({ file }) => {
  expect(await copy(file, undefined, undefined, log('a\n', 'b\n'))).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('a\nb\n')
})

test('a program that prints nothing has an empty log', async ({ file }) => {
  expect(await copy(file, log())).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('')
})

test('where no program has begun nothing is written', async ({ file }) => {
  expect(await copy(file, undefined, undefined)).toBe(false)
  expect(() => readFileSync(file)).toThrow('ENOENT')
})

test('a line that breaks is taken up where it broke', async ({ file }) => {
  const broken = log('one\ntw', new Error('line broken'))
  await copy(file, broken, new Error('no line'), log('one\n', 'two\nthree\n'))
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\n')
})

test('a log that cannot be had is given up when its program has ended', async ({ file }) => {
  expect(await copy(file, new Error('forbidden'))).toBe(false)
})
