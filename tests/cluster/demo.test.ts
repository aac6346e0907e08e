import { expect } from 'vitest'
import { playScenario } from '../demo/scenario.ts'
import { makeScreen } from '../demo/screen.ts'
import { demoFolder, test } from './installed.ts'

test('the demo runs as on one machine: from data to report, by itself', async ({
  folder,
  there,
  api,
  knit,
  signal,
}) => {
  const screen = makeScreen(process.stdout, process.env)
  const image = there.images.node
  const outcome = await playScenario({
    knit,
    api,
    image,
    folder: demoFolder(folder),
    screen,
    signal,
  })
  expect(outcome.results).toHaveLength(2)
})
