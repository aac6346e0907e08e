import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base, vi } from 'vitest'
import { runProgram } from '#shared/runtime/command-line.ts'
import { openHome } from './home.ts'
import { image } from './image.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-image-'))
    await use(folder)
    rmSync(folder, { recursive: true })
  },
})

/** The names `image list` prints, in a home in `folder`. */
async function listed(folder: string): Promise<string[]> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await runProgram(image, ['list', '--home', folder])
  const [printed] = log.mock.lastCall ?? []
  log.mockRestore()
  return (JSON.parse(String(printed)) as { name: string }[]).map(({ name }) => name)
}

async function add(folder: string): Promise<void> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await runProgram(image, ['add', 'tiny:1', '/usr', '--home', folder])
  log.mockRestore()
}

async function remove(folder: string): Promise<void> {
  await runProgram(image, ['rm', 'tiny:1', '--home', folder])
}

const acts: Record<string, (folder: string, isThere: boolean) => Promise<void>> = {
  start: async (folder) => openHome(folder).leave(),
  list: async (folder, isThere) => expect(await listed(folder)).toEqual(isThere ? ['tiny:1'] : []),
  add,
  rm: (folder, isThere) =>
    isThere ? remove(folder) : expect(remove(folder)).rejects.toThrow('There is no image tiny:1'),
}

test.each(orders(Object.keys(acts)))(
  'a home that is not there yet bears %s, %s, %s and %s in this order, and can be started',
  async (...order) => {
    const folder = mkdtempSync(join(tmpdir(), 'knit-image-'))
    const home = join(folder, 'not', 'yet')
    let isThere = false
    for (const name of order) {
      await acts[name]?.(home, isThere)
      if (name === 'add' || name === 'rm') isThere = name === 'add'
    }
    openHome(home).leave()
    rmSync(folder, { recursive: true })
  },
)

test('asking for images makes nothing', async ({ folder }) => {
  const home = join(folder, 'home')
  expect(await listed(home)).toEqual([])
  await expect(remove(home)).rejects.toThrow('There is no image')
  expect(existsSync(home)).toBe(false)
})

test('a folder that is no home is refused and left as it is', async ({ folder }) => {
  writeFileSync(join(folder, 'mine.txt'), '')
  mkdirSync(join(folder, 'images'))
  for (const act of [listed, add, remove])
    await expect(act(folder)).rejects.toThrow(`${folder} is not empty and is no local home`)
  expect(readdirSync(folder).sort()).toEqual(['images', 'mine.txt'])
})

function orders(names: string[]): string[][] {
  if (names.length === 0) return [[]]
  return names.flatMap((first) =>
    orders(names.filter((name) => name !== first)).map((rest) => [first, ...rest]),
  )
}
