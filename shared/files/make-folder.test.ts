import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { makeFolder } from './make-folder.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-folder-'))
    await use(folder)
    rmSync(folder, { recursive: true })
  },
})

test('a folder and those above it are made, and left as they are when they are there', ({
  folder,
}) => {
  const deep = join(folder, 'a', 'b')
  makeFolder(deep, 0o700)
  makeFolder(deep, 0o755)
  for (const made of [deep, join(folder, 'a')]) expect(statSync(made).mode & 0o777).toBe(0o700)
})

test('a file, what lies below one, and a link that leads nowhere cannot be folders', ({
  folder,
}) => {
  const file = join(folder, 'file')
  const link = join(folder, 'link')
  writeFileSync(file, '')
  symlinkSync(join(folder, 'nowhere'), link)
  expect(() => makeFolder(file)).toThrow('EEXIST')
  expect(() => makeFolder(join(file, 'below'))).toThrow('EEXIST')
  expect(() => makeFolder(link)).toThrow('EEXIST')
})

test.runIf(process.platform === 'linux')('below /proc nothing is made, and that is told', () => {
  expect(() => makeFolder('/proc/nothing/a/b')).toThrow(
    "ENOENT: no such file or directory, mkdir '/proc/nothing'",
  )
})
