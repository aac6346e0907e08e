import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { anyProcess } from './any-process.ts'
import { removeStale, takeLock } from './lock.ts'

const test = base.extend<{ lock: string }>({
  lock: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-lock-'))
    await use(join(folder, 'lock'))
    rmSync(folder, { recursive: true })
  },
})

const urlOf = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)

/** The lock of a process that was killed. */
const stale = (id: string) => JSON.stringify({ id, pid: 2 ** 30, host: hostname() })

test('a lock is had by one at a time', ({ lock }) => {
  const first = takeLock(lock, anyProcess)
  expect(takeLock(lock, anyProcess)).toMatchObject({ heldBy: { pid: process.pid } })

  if ('release' in first) first.release()
  expect(takeLock(lock, anyProcess)).toHaveProperty('release')
  expect(readdirSync(join(lock, '..'))).toEqual(['lock'])
})

test.for([stale('old'), '', '{"id":'])(
  'a lock of nobody, as %s, is taken over',
  (left, { lock }) => {
    writeFileSync(lock, left)
    expect(takeLock(lock, anyProcess)).toHaveProperty('release')
    expect(readdirSync(join(lock, '..'))).toEqual(['lock'])
  },
)

test('also when the one who was taking it over was killed', ({ lock }) => {
  writeFileSync(lock, stale('old'))
  writeFileSync(`${lock}.stale.old`, stale('older'))
  expect(takeLock(lock, anyProcess)).toHaveProperty('release')
})

test('who found it stale a moment ago does not take it from who has it now', ({ lock }) => {
  writeFileSync(lock, stale('old'))
  takeLock(lock, anyProcess)
  const taken = readFileSync(lock, 'utf8')

  expect(removeStale(lock, 'old', anyProcess)).toBeUndefined()
  expect(removeStale(lock, 'damaged', anyProcess)).toBeUndefined()
  expect(readFileSync(lock, 'utf8')).toBe(taken)
})

test('what another machine has taken is not free, whatever runs here', ({ lock }) => {
  const held = { id: 'theirs', pid: 2 ** 30, host: 'another.example' }
  writeFileSync(lock, JSON.stringify(held))
  expect(takeLock(lock, anyProcess)).toEqual({ heldBy: held })
})

test('of many who find it stale at once, one has it', async ({ lock }) => {
  const contender = join(lock, '../contender.mjs')
  writeFileSync(
    contender,
    `import { anyProcess } from ${urlOf('any-process.ts')}
     import { takeLock } from ${urlOf('lock.ts')}
     process.on('message', () => process.send('release' in takeLock(process.argv[2], anyProcess)))
     process.send('there')`,
  )
  writeFileSync(lock, stale('old'))
  const children = Array.from({ length: 6 }, () => fork(contender, [lock]))
  await Promise.all(children.map((child) => once(child, 'message')))
  const answers = children.map((child) => once(child, 'message'))
  for (const child of children) child.send('go')
  const taken = (await Promise.all(answers)).map(([answer]) => answer)
  for (const child of children) child.kill()

  expect(taken.filter(Boolean)).toEqual([true])
  expect(existsSync(lock)).toBe(true)
})
