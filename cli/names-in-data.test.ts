import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { listFiles } from '#shared/archive/list-files.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import type { FilesAsked } from '#shared/domain/file-list.ts'
import { FilePath } from '#shared/domain/file-path.ts'
import { namesInData } from './names-in-data.ts'
import { tempDir } from './testing.ts'

/** Data as a server lists them that has no room for more than three files in an answer; `asked` counts the questions. */
function dataOf(...files: string[]) {
  const dir = tempDir()
  for (const file of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), '')
  }
  const seen = { asked: 0 }
  const call = (_: unknown, wish: FilesAsked) => {
    seen.asked += 1
    return listFiles(dir, { ...wish, path: FilePath.parse(wish.path), limit: 3 })
  }
  const asking = { knitId: 'd1', most: 99 }
  const names = (typed: string) =>
    namesInData({ call } as unknown as KnitApi, { ...asking, typed }, {})
  return { dir, names, seen }
}

const many = Array.from({ length: 20 }, (_, index) => `big/deep/${10 + index}`)

test('of a path within data one level is offered, and what lies below it is passed over', async () => {
  const { names, seen } = dataOf('a', ...many, 'big.txt', 'z/1')
  expect(await names('')).toEqual(['a', 'big/', 'big.txt', 'z/'])
  expect(seen.asked).toBe(2)
  expect(await names('big')).toEqual(['big/', 'big.txt'])
  expect(await names('big/')).toEqual(['big/deep/'])
  expect(await names('big/deep/1')).toEqual(many.slice(0, 10))
})

test('it goes on as it was typed, however that is', async () => {
  const { names } = dataOf('über/ä b')
  expect(await names('./')).toEqual(['./über/'])
  expect(await names('/ü')).toEqual(['/über/'])
  expect(await names('über//')).toEqual(['über//ä b'])
})

test('a directory without anything in it has nothing to go on with', async () => {
  const { dir, names } = dataOf()
  mkdirSync(join(dir, 'empty'))
  expect(await names('')).toEqual(['empty/'])
  expect(await names('empty/')).toEqual([])
})
