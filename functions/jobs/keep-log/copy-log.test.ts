import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test as base } from 'vitest'
import { LogForbidden } from '#shared/adapters/kubernetes-cluster/pod-log.ts'
import { copyLog } from './copy-log.ts'

const test = base.extend<{ file: string }>({
  file: async ({}, use) => {
    const folder = mkdtempSync('/var/tmp/knit-keep-log-')
    await use(join(folder, 'log'))
    rmSync(folder, { recursive: true })
  },
})

type Try = Readable | undefined | Error

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

const log = (...pieces: (string | Error)[]) =>
  Readable.from(
    (function* () {
      for (const piece of pieces) {
        if (piece instanceof Error) throw piece
        yield Buffer.from(piece)
      }
    })(),
  )

const copy = (file: string, ...tries: Try[]) =>
  copyLog({ ...scripted(tries), target: () => open(file, 'a+') })

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

test('who begins again goes on where the one before has ended', async ({ file }) => {
  writeFileSync(file, 'one\ntw')
  await copy(file, log('one\n', 'two\n'))
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
})

test('where a kubelet has begun a new file nothing of the log is missed, and nothing twice', async ({
  file,
}) => {
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`)
  const before = log(lines.slice(0, 600).join(''), new Error('line broken'))
  const newFile = [lines.slice(300, 500).join(''), lines.slice(500).join('')]
  await copy(file, before, log(...newFile))
  expect(readFileSync(file, 'utf8')).toBe(lines.join(''))

  await copy(file, log('of another file\n'))
  expect(readFileSync(file, 'utf8')).toBe(`${lines.join('')}of another file\n`)
})

test('a log that does not end with its program is cut off, and asked for once more', async ({
  file,
}) => {
  const over = new AbortController()
  const endless = new Readable({ read() {} })
  endless.push('one\n')
  const openNext = async () => {
    if (over.signal.aborted) return log('one\n', 'two\n')
    over.abort()
    return endless
  }
  await copyLog({
    open: openNext,
    target: () => open(file, 'a+'),
    over: over.signal,
    certainty: 20,
  })
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
})

test('a log that cannot be had is given up when its program has ended', async ({ file }) => {
  expect(await copy(file, new Error('no line'))).toBe(false)
})

test('a log that may not be read is asked for once when its program, which may have begun, has ended', async () => {
  let asked = 0
  const open = async () => {
    asked += 1
    throw new LogForbidden('forbidden')
  }
  const over = AbortSignal.abort()
  expect(await copyLog({ open, target: async () => undefined, over })).toBe(true)
  expect(asked).toBe(1)
})
