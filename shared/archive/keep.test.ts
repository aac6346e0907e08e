import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { watchFlushes } from '#tests/support/gate/flushes.ts'
import { keep } from './keep.ts'
import { pack } from './pack.ts'
import { temporaryDir } from './test-dir.ts'
import { unpack } from './unpack.ts'

vi.mock('node:fs', async (original) => behindGate(await original()))
vi.mock('node:fs/promises', async (original) => behindGate(await original()))

const { behindGate, throughGate } = await vi.hoisted(
  () => import('#tests/support/gate/gated-files.ts'),
)

/** A tree of files that are large and small, folders that are empty and not, and a link. */
async function treeOf(files: number): Promise<string> {
  const tree = await temporaryDir()
  mkdirSync(join(tree, 'a', 'b'), { recursive: true })
  mkdirSync(join(tree, 'empty'))
  symlinkSync('a', join(tree, 'link'))
  writeFileSync(join(tree, 'large'), 'x'.repeat(300_000))
  for (let number = 1; number < files; number += 1)
    writeFileSync(join(tree, 'a', 'b', `${number}`), '')
  return tree
}

// Few are flushed one by one, many with their whole file system.
const amounts = [
  ['few', 4],
  ['many', 40],
] as const

test.for(amounts)(
  'what is unpacked is on disk when that is told: %s files, and folders',
  async ([, files]) => {
    const archive = await buffer(pack(await treeOf(files)))
    const dir = await temporaryDir()
    const { gate, unflushed } = watchFlushes(dir)
    await throughGate(gate, () => unpack(Readable.from([archive]), dir))
    expect(unflushed(dir)).toEqual([])
  },
)

test.for(amounts)(
  'what a program has written is on disk when its measure is told: %s files, and folders',
  async ([, files]) => {
    const dir = await treeOf(files)
    const { gate, unflushed } = watchFlushes(dir)
    expect(unflushed(dir).length).toBeGreaterThan(files)
    expect(await throughGate(gate, () => keep(dir))).toMatchObject({ files: files + 1 })
    expect(unflushed(dir)).toEqual([])
  },
)

test('on a disk of its own, what that keeps for itself is left alone', async () => {
  const dir = await temporaryDir()
  mkdirSync(join(dir, 'lost+found', 'more'), { recursive: true })
  mkdirSync(join(dir, 'a', 'lost+found'), { recursive: true })
  const { gate, unflushed } = watchFlushes(dir)
  await throughGate(gate, () => keep(dir))
  expect(unflushed(dir)).toEqual([join(dir, 'lost+found'), join(dir, 'lost+found', 'more')])
})
