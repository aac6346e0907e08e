import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { setAside, setAsideOf } from './set-aside.ts'

const test = base.extend<{ log: string }>({
  log: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-log-'))
    await use(join(folder, 'a.log'))
    rmSync(folder, { recursive: true })
  },
})

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join('')

test('who writes to a log goes on in it when it is set aside, and what was there before is kept', ({
  log,
}) => {
  writeFileSync(setAsideOf(log), 'older\n')
  const writer = openSync(log, 'a')
  writeSync(writer, lines(0, 10))
  expect(setAside(log, 100)).toBe(false)
  writeSync(writer, lines(10, 30))
  expect(setAside(log, 100)).toBe(true)
  expect(setAside(log, 100)).toBe(false)
  writeSync(writer, lines(30, 31))
  closeSync(writer)
  expect(readFileSync(setAsideOf(log), 'utf8')).toBe(lines(0, 30))
  expect(readFileSync(log, 'utf8')).toBe(lines(30, 31))
})

test('more than fits into memory at a time is set aside whole', ({ log }) => {
  const long = 'x'.repeat(3_000_000)
  appendFileSync(log, long)
  expect(setAside(log, 100)).toBe(true)
  expect(readFileSync(setAsideOf(log), 'utf8') === long).toBe(true)
})

test('a log that is not there yet is not made', ({ log }) => {
  expect(setAside(log)).toBe(false)
  expect(existsSync(log)).toBe(false)
})

test('what there is no place for is let go, as nothing may grow without bound', ({ log }) => {
  mkdirSync(setAsideOf(log))
  writeFileSync(log, lines(0, 30))
  expect(setAside(log, 100)).toBe(true)
  expect(readFileSync(log, 'utf8')).toBe('')
})

test('what is no file of ours stops nobody who writes', ({ log }) => {
  mkdirSync(log)
  expect(setAside(log, 0)).toBe(false)
})
