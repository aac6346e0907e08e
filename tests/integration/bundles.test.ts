import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inject, onTestFinished, test as base, expect } from 'vitest'
import { functionFolders } from '#shared/render/functions.ts'
import { build, building } from '#tests/support/build.ts'
import { otlpReceiver } from '#tests/support/otlp-receiver.ts'
import { temporaryFolder } from '#tests/support/local-home.ts'
import { signingKey } from '#tests/support/world.ts'
import { isOfImage } from '../../knative/image/context.ts'

const test = base.extend<{ $file: { folder: string } }>({
  folder: [
    async ({}, use) => {
      const folder = await temporaryFolder('knit-bundles-')
      build(folder.path)
      writeFileSync(join(folder.path, 'witness.cjs'), witness)
      await use(folder.path)
      await folder.remove()
    },
    { scope: 'file' },
  ],
})

/** Loaded before a function: says at its end whether V8 took what it had compiled before, whether Node loaded `fetch`, and whether anything was loaded beside. */
const witness = `
const vm = require('node:vm')
const { basename } = require('node:path')
const fetchIsLoaded = () => process.moduleLoadList.some((name) => name.includes('undici'))
const beside = () => Object.keys(require.cache).map((file) => basename(file)).filter((name) => name.startsWith('otlp'))
vm.Script = class extends vm.Script {
  constructor(...args) {
    super(...args)
    process.once('exit', () =>
      console.error(JSON.stringify({ taken: this.cachedDataRejected === false, fetch: fetchIsLoaded(), beside: beside() })))
  }
}`

/** Starts a function as a container would, asks it for this and that, and ends it as Kubernetes would. */
async function tryOut(folder: string, name: string, more: Record<string, string> = {}) {
  const { path } = inject('postgres')
  const env = {
    PATH: process.env['PATH'],
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: '0',
    KNIT_METRICS_PORT: '0',
    KNIT_SIGNING_KEY: signingKey,
    KNIT_DATABASE_URL: 'postgres:///postgres',
    PGHOST: dirname(path),
    PGUSER: 'knit',
    ...more,
  }
  const args = ['--require', join(folder, 'witness.cjs'), join(folder, 'start.cjs'), name]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const closed = once(child, 'close')
  while (!/telling metrics/.test(log)) await once(child.stderr, 'data')
  const [port, metricsPort] = [...log.matchAll(/"port":(\d+)/g)].map(([, number]) => number)
  const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((told) => told.text())
  const hidden = await fetch(`http://127.0.0.1:${port}/metrics`)
  const response = await fetch(`http://127.0.0.1:${port}/readyz`)
  const ready = await response.text()
  const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })
  const inDumps = readFileSync(`/proc/${child.pid}/coredump_filter`, 'utf8').trim()
  child.kill('SIGTERM')
  const [code] = (await closed) as [number | null]
  const [seen] = /^\{"taken".*$/m.exec(log) ?? ['{}']
  return {
    name,
    ready,
    refused: status >= 400,
    inDumps,
    code,
    tells: /^knit_build_info\{version="\d/m.test(metrics) && hidden.status >= 400,
    tellsOfSystem: /^knit_database_up /m.test(metrics),
    ...(JSON.parse(seen) as object),
  }
}

const names = [
  ...functionFolders().map(({ kind, name }) => `${kind === 'api' ? 'api' : 'step'}-${name}`),
  'gateway',
].toSorted()

// The first that asks for them waits until they are built.
test('every function is bundled into a file of its own', building, ({ folder }) => {
  expect(readdirSync(join(folder, 'functions')).toSorted()).toEqual(
    names.flatMap((name) => [`${name}.cjs`, `${name}.cjs.compiled`]),
  )
})

test.for(names)(
  '%s starts from its bundle, is ready, and ends in peace',
  async (name, { folder }) => {
    expect(await tryOut(folder, name)).toEqual({
      name,
      ready: 'ok\n',
      refused: true,
      // No kind of memory.
      inDumps: '00000000',
      code: 0,
      tells: true,
      tellsOfSystem: name === 'step-sweep',
      taken: true,
      fetch: false,
      beside: [],
    })
  },
)

test('what sends traces is in the image, is loaded where it was asked for, and has sent them when the function has ended', async ({
  folder,
}) => {
  const image = await temporaryFolder('knit-of-image-')
  onTestFinished(() => image.remove())
  for (const name of [...readdirSync(folder).filter(isOfImage), 'witness.cjs'])
    cpSync(join(folder, name), join(image.path, name), { recursive: true })
  const collector = await otlpReceiver()
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    // Without one no schema is asked for, and what is asked gets as far as the gateway.
    KNIT_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    KNIT_TOKEN: 'a token that is long enough',
  }
  const seen = await tryOut(image.path, 'gateway', env)
  expect(seen).toMatchObject({ code: 0, fetch: false, beside: ['otlp-sink.cjs'] })
  expect(collector.spans).toMatchObject([
    { service: 'gateway', name: 'GET', parent: undefined },
    { service: 'gateway', name: 'POST', parent: undefined },
  ])
})

test('what a function cannot start with is all it says', ({ folder }) => {
  const start = (env: Record<string, string>) => {
    const args = [join(folder, 'start.cjs'), 'gateway']
    const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
    return { status, lines: stderr.trimEnd().split('\n') }
  }
  expect(start({})).toEqual({
    status: 1,
    lines: [
      'The settings are not as they should be:',
      expect.stringMatching(/^ {2}KNIT_DATABASE_URL: /),
      expect.stringMatching(/^ {2}KNIT_SIGNING_KEY: /),
    ],
  })
  const settings = { KNIT_DATABASE_URL: 'postgres:///postgres', KNIT_SIGNING_KEY: signingKey }
  expect(start(settings)).toEqual({
    status: 1,
    lines: [expect.stringMatching(/^Without KNIT_TOKEN /)],
  })
})

test('the npm package of the command line needs nothing else to be installed', async ({
  folder,
}) => {
  const elsewhere = await temporaryFolder('knit-package-')
  const place = join(elsewhere.path, 'node_modules/knitfab')
  cpSync(join(folder, 'npm'), place, { recursive: true })
  const env = { PATH: process.env['PATH'], HOME: elsewhere.path }
  const knit = (...words: string[]) => {
    const args = [join(place, 'cli/knit.cjs'), ...words]
    return spawnSync(process.execPath, args, { cwd: elsewhere.path, env, encoding: 'utf8' })
  }
  const manifest = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as object
  expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual([])
  expect(knit('version')).toMatchObject({ status: 0, stderr: '' })
  expect(knit('license').stdout).toMatch(/\nzod \S+ \(MIT\)\n/)
  expect(knit('plan', 'template', '--scratch').stdout).toContain('image: "image:version"')
  expect(knit('run', 'find')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^there is no profile/),
  })
  expect(knit('local', 'start')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^this is a client only/),
  })
  await elsewhere.remove()
})

test(
  'the same sources make the same bytes, wherever they are built',
  building,
  async ({ folder }) => {
    const other = await temporaryFolder('knit-bundles-')
    build(other.path)
    for (const name of readdirSync(join(other.path, 'functions')))
      expect(
        readFileSync(join(other.path, 'functions', name)).equals(
          readFileSync(join(folder, 'functions', name)),
        ),
        name,
      ).toBe(true)
    await other.remove()
  },
)
