import { expect } from 'vitest'
import type { Engine } from './engine.ts'
import { GPU, takeGpus } from './gpus.ts'
import { openHome, type Home } from './home.ts'
import { test, workerSpec } from './test-home.ts'
import {
  createWorker,
  readWorker,
  recordEnd,
  writeContainer,
  type Stored,
} from './worker-folder.ts'

const engine: Engine = {
  name: 'docker',
  words: ['docker'],
  direct: false,
  user: undefined,
  reclaim: [],
  enforced: { cpu: true, memory: true, processes: true },
  gpus: 3,
}

function workerWith(home: Home, gpus: number): Stored {
  const spec = workerSpec({ limits: { [GPU]: gpus } })
  createWorker(home, spec)
  const worker = readWorker(home, spec.name)
  if (!worker) throw new Error('it was just made')
  return worker
}

test('no GPU is given to two workers at a time', ({ home: { folder } }) => {
  const home = openHome(folder)
  const take = (worker: Stored) => {
    const gpus = takeGpus(worker, engine, home)
    writeContainer(worker, { engine, gpus })
    return gpus
  }
  const first = workerWith(home, 2)
  expect(take(first)).toEqual([0, 1])
  expect(take(workerWith(home, 0))).toEqual([])
  expect(() => take(workerWith(home, 2))).toThrow('2 GPUs are asked for, and 1 are free')

  recordEnd(first, 0)
  expect(take(workerWith(home, 2))).toEqual([0, 1])
})
