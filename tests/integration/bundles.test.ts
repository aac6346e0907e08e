import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inject, test as base, expect } from 'vitest'
import { functionFolders } from '#shared/render/functions.ts'
import { temporaryFolder } from '#tests/support/local-home.ts'
import { signingKey } from '#tests/support/world.ts'

const root = new URL('../../', import.meta.url).pathname

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('knit-bundles-')
    await use(folder.path)
    await folder.remove()
  },
})

/** Starts a bundle as a container would, asks whether it is ready, and ends it as Kubernetes would. */
async function tryOut(file: string): Promise<{ ready: string; code: number | null }> {
  const { path } = inject('postgres')
  const env = {
    PATH: process.env['PATH'],
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: '0',
    KNIT_SIGNING_KEY: signingKey,
    KNIT_DATABASE_URL: 'postgres:///postgres',
    PGHOST: dirname(path),
    PGUSER: 'knit',
  }
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  while (!/"port":\d+/.test(log)) await once(child.stderr, 'data')
  const [, port] = /"port":(\d+)/.exec(log) ?? []
  const response = await fetch(`http://127.0.0.1:${port}/readyz`)
  const ready = await response.text()
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  return { ready, code }
}

test('every function is bundled into a file of its own, which starts, is ready, and ends in peace', async ({
  folder,
}) => {
  execFileSync(process.execPath, ['esbuild.config.mjs', folder], { cwd: root })
  const services = functionFolders().map(
    ({ kind, name }) => `${kind === 'api' ? 'api' : 'step'}-${name}`,
  )
  const bundles = readdirSync(join(folder, 'functions')).filter((name) => name.endsWith('.mjs'))
  expect(bundles.toSorted()).toEqual(
    [...services, 'gateway'].map((name) => `${name}.mjs`).toSorted(),
  )
  for (const bundle of bundles)
    expect({ bundle, ...(await tryOut(join(folder, 'functions', bundle))) }).toEqual({
      bundle,
      ready: 'ok\n',
      code: 0,
    })
})
