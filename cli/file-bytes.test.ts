import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { until } from '#tests/support/until.ts'
import { FileBytes } from './file-bytes.ts'
import { tempDir } from './testing.ts'

test('what passes by is counted as the files that are in it', async () => {
  const dir = tempDir()
  mkdirSync(join(dir, 'deep/empty'), { recursive: true })
  for (let file = 0; file < 100; file += 1) writeFileSync(join(dir, `deep/${file}`), 'x')
  writeFileSync(join(dir, 'zeros'), Buffer.alloc(2 ** 20))
  writeFileSync(join(dir, 'noise'), randomBytes(2 ** 20))
  using gauge = new FileBytes(2 ** 21 + 100)
  for await (const chunk of pack(dir)) await gauge.add(chunk as Buffer)
  await until(() => gauge.bytes === 2 ** 21 + 100)
  expect(gauge.total).toBe(2 ** 21 + 100)
})

test('what is no archive is counted as it comes, however much it is', async () => {
  using gauge = new FileBytes(10)
  const noise = randomBytes(2 ** 18)
  for (let times = 0; times < 8; times += 1) await gauge.add(noise)
  await until(() => gauge.total === undefined)
  expect(gauge.bytes).toBe(8 * 2 ** 18)
})
