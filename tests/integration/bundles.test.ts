import { spawnSync } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { cpSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { onTestFinished, test as base, expect } from 'vitest'
import { confinement, type Engine } from '#shared/adapters/local-cluster/engine.ts'
import { functionFolders } from '#shared/render/functions.ts'
import { build, building } from '#tests/support/build.ts'
import { enginesHere, noEngine, run } from '#tests/support/engines.ts'
import { signingKey } from '#tests/support/functions.ts'
import { temporaryFolder } from '#tests/support/local-home.ts'
import { otlpReceiver } from '#tests/support/otlp-receiver.ts'
import { tryOut } from '#tests/support/try-out.ts'
import { isOfImage, makeContext } from '../../knative/image/context.ts'

type Built = {
  /** Where everything is built, in two folders. */
  builds: [string, string]
  /** One of them. */
  folder: string
  /** What an image is made of, from each. */
  contexts: [string, string]
}

const test = base.extend<{ $file: Built }>({
  builds: [
    async ({}, use) => {
      const { path, remove } = await temporaryFolder('knit-bundles-')
      const builds: [string, string] = [join(path, 'one'), join(path, 'other')]
      builds.forEach(build)
      await use(builds)
      await remove()
    },
    { scope: 'file' },
  ],
  folder: [({ builds: [folder] }, use) => use(folder), { scope: 'file' }],
  contexts: [
    async ({ builds: [one, other] }, use) => {
      const contexts: [string, string] = [`${one}-context`, `${other}-context`]
      makeContext({ dist: one, folder: contexts[0] })
      makeContext({ dist: other, folder: contexts[1] })
      await use(contexts)
    },
    { scope: 'file' },
  ],
})

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
  for (const name of readdirSync(folder).filter(isOfImage))
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

test('the same sources make the same bytes, wherever they are built', ({
  builds: [one, other],
}) => {
  for (const name of readdirSync(join(one, 'functions')))
    expect(
      readFileSync(join(one, 'functions', name)).equals(
        readFileSync(join(other, 'functions', name)),
      ),
      name,
    ).toBe(true)
})

/** Builds an image as the administrator does, and answers its digest. */
function buildImage({ words, name }: Engine, context: string, tag: string): string {
  const [file = '', ...before] = words.slice(0, 1)
  const flags = name === 'podman' ? ['--timestamp', '0'] : []
  const env = { ...process.env, SOURCE_DATE_EPOCH: '0' }
  const args = [...before, 'build', '--no-cache', ...flags, '--tag', tag, context]
  const { status, stderr } = spawnSync(file, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return run({ words } as Engine, 'image', 'inspect', '--format', '{{.Id}}', tag).trim()
}

/** What an image keeps of each file and folder below. */
const keptOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { mode, mtimeMs } = lstatSync(path)
      const content = entry.isFile() ? hash('sha256', readFileSync(path)) : ''
      return `${relative(folder, path)} ${mode.toString(8)} ${mtimeMs} ${content}`
    })
    .toSorted()

test('the same sources make the same files for an image, wherever they are built', ({
  contexts,
}) => {
  const [one, other] = contexts.map((context) => keptOf(join(context, 'rootfs')))
  expect(one).toContainEqual(expect.stringMatching(/^app\/functions\/gateway\.cjs 100644 0 \w+$/))
  expect(one).toEqual(other)
})

test('the image has no folder of packages: what functions need is in their bundles', ({
  contexts: [context],
}) => {
  const files = readdirSync(context, { recursive: true, encoding: 'utf8' })
  expect(files.filter((path) => path.endsWith('start.cjs'))).toHaveLength(1)
  expect(files.filter((path) => basename(path) === 'node_modules')).toEqual([])
})

test('the image has what names are resolved with, also where that is loaded by its name alone', ({
  contexts: [context],
}) => {
  const rootfs = join(context, 'rootfs')
  const resolvers = /^lib(nss_files|nss_dns|resolv)\.so\.2$/
  const inImage = readdirSync(rootfs, { recursive: true, encoding: 'utf8' })
  const glibc = inImage.find((path) => basename(path) === 'libc.so.6')
  // Without glibc a program has all that it needs in itself, or names it.
  const here = glibc ? readdirSync(join('/', dirname(glibc))) : []
  expect(inImage.map((path) => basename(path)).filter((name) => resolvers.test(name))).toEqual(
    expect.arrayContaining(here.filter((name) => resolvers.test(name))),
  )
})

const engines = await enginesHere()

if (engines.length === 0)
  test('an image is built, and starts functions', ({ skip }) => skip(noEngine))

for (const engine of engines)
  test(
    `the image that ${engine.name} builds is the same each time, starts what it is asked for with Node 24 as nobody in particular, resolves names, and has no shell`,
    building,
    ({ contexts: [one, other] }) => {
      const tag = `knit.local/test-${randomUUID()}:1`
      try {
        expect(buildImage(engine, one, tag)).toBe(buildImage(engine, other, tag))

        const user = run(engine, 'image', 'inspect', '--format', '{{.Config.User}}', tag).trim()
        expect(user).toBe('65532:65532')

        const [file = '', ...words] = engine.words
        const start = (...args: string[]) => {
          const flags = [
            '--rm',
            '--read-only',
            '--network=none',
            ...confinement({ ...engine, user: undefined }),
          ]
          const all = [...words, 'run', ...flags, ...args]
          const { status, stdout, stderr } = spawnSync(file, all, { encoding: 'utf8' })
          return { status, stdout, stderr }
        }
        expect(start('--entrypoint=/usr/local/bin/node', tag, '--version')).toMatchObject({
          status: 0,
          stdout: expect.stringMatching(/^v24\./),
        })
        const lookUp =
          "dns.promises.lookup('localhost').then(({ address }) => console.log(address))"
        expect(start('--entrypoint=/usr/local/bin/node', tag, '--eval', lookUp)).toMatchObject({
          status: 0,
          stdout: expect.stringMatching(/^(127\.0\.0\.1|::1)\n$/),
        })
        expect(start(tag, 'gateway')).toMatchObject({
          status: 1,
          stderr: expect.stringContaining('KNIT_DATABASE_URL: '),
        })
        expect(start(tag, 'job-migrate')).toMatchObject({
          status: 2,
          stderr: expect.stringContaining('KNIT_DATABASE_URL is not set'),
        })
        expect(start(tag, 'nothing')).toMatchObject({
          status: 2,
          stderr: expect.stringContaining('There is no function "nothing".'),
        })
        expect(start('--entrypoint=/bin/sh', tag).status).toBe(127)
      } finally {
        run(engine, 'image', 'rm', '--force', tag)
      }
    },
  )
