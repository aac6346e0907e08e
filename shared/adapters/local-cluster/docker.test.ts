import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, vi } from 'vitest'
import type { Engine } from './engine.ts'
import { findEngine } from './find-engine.ts'
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
