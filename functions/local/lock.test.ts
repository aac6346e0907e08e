import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { removeStale, takeLock } from './lock.ts'

const test = base.extend<{ lock: string }>({
  lock: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-lock-'))
    await use(join(folder, 'lock'))
    rmSync(folder, { recursive: true })
  },
})

/** The lock of a process that was killed. */
const stale = (id: string) => JSON.stringify({ id, pid: 2 ** 30, since: '1', boot: 'another' })

test('a lock is had by one at a time', ({ lock }) => {
  const first = takeLock(lock)
  expect(takeLock(lock)).toMatchObject({ heldBy: { pid: process.pid } })

  if ('release' in first) first.release()
  expect(takeLock(lock)).toHaveProperty('release')
  expect(readdirSync(join(lock, '..'))).toEqual(['lock'])
})

test.for([stale('old'), '', '{"id":'])(
  'a lock of nobody, as %s, is taken over',
  (left, { lock }) => {
    writeFileSync(lock, left)
    expect(takeLock(lock)).toHaveProperty('release')
    expect(readdirSync(join(lock, '..'))).toEqual(['lock'])
  },
)

test('also when the one who was taking it over was killed', ({ lock }) => {
  writeFileSync(lock, stale('old'))
  writeFileSync(`${lock}.stale.old`, stale('older'))
  expect(takeLock(lock)).toHaveProperty('release')
})

test('who found it stale a moment ago does not take it from who has it now', ({ lock }) => {
  writeFileSync(lock, stale('old'))
  takeLock(lock)
  const taken = readFileSync(lock, 'utf8')

  expect(removeStale(lock, 'old')).toBeUndefined()
  expect(removeStale(lock, 'damaged')).toBeUndefined()
  expect(readFileSync(lock, 'utf8')).toBe(taken)
})

test('of many who find it stale at once, one has it', async ({ lock }) => {
  const contender = join(lock, '../contender.mjs')
  writeFileSync(
    contender,
    `import { takeLock } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
     process.on('message', () => process.send('release' in takeLock(process.argv[2])))
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
