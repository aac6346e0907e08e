import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeDigitSets } from './digits.ts'
import { digitAt, readDigits } from './programs/digits.mjs'

// Reading 20 MB of JSON takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

test('the sets hold all ten digits, and none is in two of them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'demo-digits-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))

  const sets = Object.values(await makeDigitSets(folder)).map((set) => readDigits(set.folder))

  expect(sets.map(({ count }) => count)).toEqual([2000, 6000, 2000])
  for (const { labels } of sets) expect(new Set(labels)).toHaveProperty('size', 10)
  const pictures = sets.flatMap((set) =>
    Array.from({ length: set.count }, (_, index) => digitAt(set, index).toString('base64')),
  )
  expect(new Set(pictures).size).toBe(10_000)
})
