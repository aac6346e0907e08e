import { spawnSync } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { test as base, expect } from 'vitest'
import { confinement, type Engine } from '#shared/adapters/local-cluster/engine.ts'
import { enginesHere, run } from '#tests/support/engines.ts'
import { temporaryFolder } from '#tests/support/local-home.ts'
import { build, building } from '#tests/support/build.ts'
import { makeContext } from '../../knative/image/context.ts'

const test = base.extend<{ $file: { contexts: [string, string] } }>({
  contexts: [
    async ({}, use) => {
      const folder = await temporaryFolder('knit-image-')
      const contexts: [string, string] = [join(folder.path, 'one'), join(folder.path, 'other')]
      for (const context of contexts) {
        const dist = `${context}-dist`
        build(dist)
        makeContext({ dist, folder: context })
      }
      await use(contexts)
      await folder.remove()
    },
    { scope: 'file' },
  ],
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

test(
  'the same sources make the same files for an image, wherever they are built',
  building,
  ({ contexts }) => {
    const [one, other] = contexts.map((context) => keptOf(join(context, 'rootfs')))
    expect(one).toContainEqual(expect.stringMatching(/^app\/functions\/gateway\.cjs 100644 0 \w+$/))
    expect(one).toEqual(other)
  },
)

test(
  'the image has no folder of packages: what functions need is in their bundles',
  building,
  ({ contexts: [context] }) => {
    const files = readdirSync(context, { recursive: true, encoding: 'utf8' })
    expect(files.filter((path) => path.endsWith('start.cjs'))).toHaveLength(1)
    expect(files.filter((path) => basename(path) === 'node_modules')).toEqual([])
  },
)

const engines = await enginesHere()

if (engines.length === 0)
  test('an image is built, and starts functions', ({ skip }) =>
    skip('needs docker or podman: apt-get install podman'))

for (const engine of engines)
  test(
    `the image that ${engine.name} builds is the same each time, starts every function with Node 24 as nobody in particular, and has no shell`,
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
