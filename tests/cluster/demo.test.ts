import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { playScenario } from '../demo/scenario.ts'
import { makeScreen } from '../demo/screen.ts'
import { demoFolder, test } from './installed.ts'

test('the demo runs as on one machine: from data to report by itself, with lineage, logs and the digests of images', async ({
  folder,
  there,
  api,
  knit,
  work,
  signal,
}) => {
  const outcome = await playScenario({
    knit,
    api,
    image: there.images.node,
    folder: demoFolder(folder),
    screen: makeScreen(process.stdout, process.env),
    signal,
  })
  expect(outcome.results).toHaveLength(2)
  for (const { losses } of outcome.results) expect(losses).not.toEqual([])

  const lineage = readFileSync(outcome.lineageFile, 'utf8')
  expect(lineage).toMatch(/^digraph/)
  const report = await work.show(outcome.run)
  for (const { knitId } of [...report.inputs, ...report.outputs]) expect(lineage).toContain(knitId)
  expect(report.attempts).toMatchObject([
    { image: expect.stringMatching(/@sha256:[0-9a-f]{64}$/), exit: { code: 0 } },
  ])
})
