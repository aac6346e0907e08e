import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test as base } from 'vitest'
import { openToAll } from './open-to-all.ts'

const test = base.extend<{ folder: string; modeOf(path: string): string }>({
  folder: async ({}, use) => {
    const folder = mkdtempSync('/var/tmp/knit-open-')
    for (const path of ['a', 'a/b']) mkdirSync(join(folder, path), { mode: 0o700 })
    for (const path of ['a/data', 'a/program'])
      writeFileSync(join(folder, path), '', { mode: 0o600 })
    chmodSync(join(folder, 'a/program'), 0o700)
    chmodSync(join(folder, 'a/b'), 0o1777)
    await use(folder)
    rmSync(folder, { recursive: true })
  },
  modeOf: async ({ folder }, use) => {
    await use((path) => (statSync(join(folder, path)).mode & 0o7777).toString(8))
  },
})

test('everybody may read what was opened, execute what its owner could, and write nothing more than before', async ({
  folder,
  modeOf,
}) => {
  await openToAll(folder)
  expect(['a', 'a/b', 'a/data', 'a/program'].map(modeOf)).toEqual(['755', '1777', '644', '755'])
})

test('everybody may remove what was made removable', async ({ folder, modeOf }) => {
  await openToAll(folder, { removable: true })
  expect(['.', 'a', 'a/b', 'a/data', 'a/program'].map(modeOf)).toEqual([
    '777',
    '777',
    '777',
    '644',
    '755',
  ])
})
