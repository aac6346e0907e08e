import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, vi } from 'vitest'
import { admit, type PlanDemand } from '#shared/domain/admission.ts'
import type { Engine } from './engine.ts'
import { findEngine } from './find-engine.ts'
import { GPU } from './gpus.ts'
import { standIn } from './test-docker.ts'
import { test } from './test-home.ts'

const place = vi.hoisted(() =>
  process.getBuiltinModule('node:fs').mkdtempSync('/var/tmp/knit-docker-'),
)
const programs = join(place, 'bin')
// Before all others: this machine may have a docker of its own.
vi.mock('./private-folders.ts', async (original) => {
  const own = await original<typeof import('./private-folders.ts')>()
  return { ...own, TOOLS: `${place}/bin:${own.TOOLS}` }
})
afterAll(() => rmSync(place, { recursive: true }))

const env = process.env
const image = 'example.test/tool:1'

async function foundEngine(): Promise<Engine> {
  const found = await findEngine('docker', { folder: join(place, 'home'), env })
  if ('problem' in found) throw new Error(found.problem)
  return found.engine
}

const asking = (amount: number, more: Partial<PlanDemand> = {}): PlanDemand => ({
  planId: 'p',
  resources: { [GPU]: `${amount}` },
  live: 0,
  waiting: ['r'],
  ...more,
})

test('where docker has the runtime of NVIDIA, programs get the GPUs they ask for, by number', async ({
  home,
}) => {
  const { calls } = standIn(programs, { runtimes: ['runc', 'nvidia'], gpus: 2 })
  const engine = await foundEngine()
  expect(calls('nvidia-smi')).toEqual([['--list-gpus']])
  const cluster = home.open({ engine, env })
  expect((await cluster.capacity()).get(GPU)).toBe(2)
  const asked: Record<string, number>[] = [{ [GPU]: 2 }, {}]
  for (const limits of asked)
    expect(await home.run(cluster, { image, limits })).toMatchObject({ phase: 'succeeded' })

  const created = calls('docker').filter(([word]) => word === 'create')
  const given = created.map((words) => words.filter((word) => word.startsWith('--gpus')))
  expect(given).toEqual([['--gpus="device=0,1"'], []])
})

test('who asks for a GPU that others have waits for it', async ({ home }) => {
  standIn(programs, { runtimes: ['nvidia'], gpus: 2 })
  const capacity = await home.open({ engine: await foundEngine(), env }).capacity()
  const nobody = { admitted: [], impossible: [] }
  expect(admit([asking(1, { live: 2 })], capacity, 9)).toEqual(nobody)
  expect(admit([asking(1, { live: 1 })], capacity, 9)).toEqual({ ...nobody, admitted: ['r'] })
})

test.for([
  [
    'whose docker has no runtime of NVIDIA',
    { runtimes: ['runc'], gpus: 2 },
    1,
    'does not exist here',
  ],
  ['whose driver is missing', { runtimes: ['nvidia'], gpus: undefined }, 1, 'does not exist here'],
  ['that has fewer', { runtimes: ['nvidia'], gpus: 2 }, 3, 'never more than 2 here'],
] as const)(
  'on a machine %s a run that asks for GPUs is told so, and what to do, instead of waiting for ever',
  async ([, { runtimes, gpus }, asked, why], { home }) => {
    standIn(programs, { runtimes: [...runtimes], gpus })
    const capacity = await home.open({ engine: await foundEngine(), env }).capacity()
    const { admitted, impossible } = admit([asking(asked)], capacity, 9)
    expect(admitted).toEqual([])
    expect(impossible).toEqual([{ runId: 'r', reason: expect.stringContaining(why) }])
    expect(impossible[0]?.reason).toMatch(
      /nvidia\.com\/gpu.*: knit plan resource p .* retry the run$/,
    )
  },
)

test('what is opened to the users of an image is still what was stored', async ({ home }) => {
  standIn(programs, { runtimes: ['runc'], gpus: undefined })
  const cluster = home.open({ engine: await foundEngine(), env })
  const volume = await home.volume(cluster)
  mkdirSync(home.file(volume, 'folder'), { mode: 0o700 })
  const files = { data: 0o600, program: 0o700, 'folder/odd': 0o610 }
  for (const [name, mode] of Object.entries(files)) {
    writeFileSync(home.file(volume, name), '')
    chmodSync(home.file(volume, name), mode)
  }
  const stored = await cluster.measureVolume(volume)
  const inputs = [{ volume, path: '/in' }]
  expect(await home.run(cluster, { image, inputs })).toMatchObject({ phase: 'succeeded' })

  const modeOf = (name: string) => (statSync(home.file(volume, name)).mode & 0o777).toString(8)
  expect(['folder', ...Object.keys(files)].map(modeOf)).toEqual(['755', '644', '755', '655'])
  expect(await cluster.measureVolume(volume)).toEqual(stored)
})
