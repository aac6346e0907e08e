import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test as base, vi } from 'vitest'
import { LogForbidden } from '#shared/adapters/kubernetes-cluster/pod-log.ts'
import { complaints, stamped } from '#shared/adapters/kubernetes-cluster/test-log.ts'
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

/** An answer with lines, the first of that second, which may break off. */
const logFrom =
  (second: number) =>
  (lines: string, end: string | Error = '') =>
    Readable.from(
      (function* () {
        yield Buffer.from(stamped(lines, second))
        if (end instanceof Error) throw end
        yield Buffer.from(end)
      })(),
    )
const log = logFrom(0)
const broken = new Error('line broken')

const copy = (file: string, ...tries: Try[]) =>
  copyLog({ ...scripted(tries), target: () => open(file, 'a+') })

test('a log is copied once its program has begun', async ({ file }) => {
  expect(await copy(file, undefined, undefined, log('a\nb\n'))).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('a\nb\n')
})

test('a program that prints nothing has an empty log', async ({ file }) => {
  expect(await copy(file, log(''))).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('')
})

test('where no program has begun nothing is written', async ({ file }) => {
  expect(await copy(file, undefined, undefined)).toBe(false)
  expect(() => readFileSync(file)).toThrow('ENOENT')
})

test('a line that breaks is taken up where it broke', async ({ file }) => {
  await copy(file, log('one\ntw', broken), new Error('no line'), log('one\ntwo\nthree\n'))
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\n')
})

test('who begins again goes on where the one before has ended', async ({ file }) => {
  writeFileSync(file, 'one\ntw')
  await copy(file, log('one\ntwo\n'))
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
})

const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`)
const linesBetween = (from: number, to: number) => lines.slice(from, to).join('')

test('where a kubelet has begun a new file nothing of the log is missed, and nothing twice', async ({
  file,
}) => {
  await copy(file, log(linesBetween(0, 600), broken), logFrom(300)(linesBetween(300, 1000)))
  expect(readFileSync(file, 'utf8')).toBe(linesBetween(0, 1000))

  await copy(file, log('of another file\n'))
  expect(readFileSync(file, 'utf8')).toBe(`${linesBetween(0, 1000)}of another file\n`)
})

test('lines of one wording are told apart', async ({ file }) => {
  const same = (count: number) => 'still here\n'.repeat(count)
  await copy(file, log(same(600), broken), logFrom(300)(same(500)))
  expect(readFileSync(file, 'utf8')).toBe(same(800))
})

test.for([0, 1, 299, 500])(
  'who begins again goes on in a new file as well, also when that breaks after %d lines',
  async (count, { file }) => {
    writeFileSync(file, linesBetween(0, 600))
    const logLater = logFrom(300)
    await copy(
      file,
      logLater(linesBetween(300, 300 + count), broken),
      logLater(linesBetween(300, 1000)),
    )
    expect(readFileSync(file, 'utf8')).toBe(linesBetween(0, 1000))
  },
)

test('what a kubelet says in place of a log is not kept', async ({ file }) => {
  const [complaint = ''] = complaints
  await copy(
    file,
    log('', complaint),
    log('one\n', complaint),
    log('one\ntw', broken),
    log('', complaint),
    log('one\ntwo\n', complaint),
    log('one\ntwo\nthree'),
  )
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\nthree')
})

test('what a full disk took a part of is written whole when there is room', async ({ file }) => {
  const target = async (): Promise<FileHandle> => {
    const handle = await open(file, 'a+')
    vi.spyOn(handle, 'appendFile').mockImplementationOnce(async () => {
      await handle.write('on')
      throw new Error('ENOSPC')
    })
    return handle
  }
  await copyLog({ ...scripted([log('one\n'), log('one\ntwo\n')]), target })
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
})

test('a log that does not end with its program is cut off, and asked for once more', async ({
  file,
}) => {
  const over = new AbortController()
  const endless = new Readable({ read() {} })
  endless.push(stamped('one\n'))
  const openNext = async () => {
    if (over.signal.aborted) return log('one\ntwo\n')
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
