import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, test as base } from 'vitest'
import { bundle } from '../../cli/bundle.ts'
import { makePackage } from '../../cli/npm-package.ts'
import manifest from '../../package.json' with { type: 'json' }
import { temporaryFolder } from '#tests/support/local-home.ts'

type Packed = { filename: string; files: { path: string }[] }
type Said = { status: number | null; stdout: string; stderr: string }
type Installed = { packed: Packed; run: (program: string, ...words: string[]) => Said }

/** The package as npm packs it, installed where there is nothing else, by an npm that reaches no registry. */
const test = base.extend<{ $file: { installed: Installed } }>({
  installed: [
    async ({}, use) => {
      const { path: folder, remove } = await temporaryFolder('knit-package-')
      const [dist, own, home] = ['dist', 'npm', 'home'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ]
      for (const dir of [dist, home]) mkdirSync(dir)
      await bundle(dist)
      await makePackage({ dist, folder: own })
      const bin = join(home, 'node_modules/.bin')
      const env = {
        PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter),
        HOME: home,
        npm_config_registry: 'http://127.0.0.1:1/',
        npm_config_cache: join(folder, 'cache'),
      }
      const run = (program: string, ...words: string[]): Said => {
        const { status, stdout, stderr } = spawnSync(program, words, {
          cwd: home,
          env,
          encoding: 'utf8',
        })
        return { status, stdout, stderr }
      }
      const npm = (...words: string[]) => {
        const said = run('npm', ...words)
        expect(said, words.join(' ')).toMatchObject({ status: 0 })
        return said.stdout
      }
      const [packed] = JSON.parse(
        npm('pack', own, '--json', '--pack-destination', folder),
      ) as Packed[]
      if (!packed) throw new Error('npm packed nothing')
      npm('install', '--offline', '--no-audit', '--prefix', home, join(folder, packed.filename))
      await use({ packed, run })
      await remove()
    },
    { scope: 'file' },
  ],
})

test('the npm package holds the program, its launcher and its pages, and nothing else', ({
  installed,
}) => {
  const paths = installed.packed.files.map(({ path }) => path).toSorted()
  expect(paths).toMatchInlineSnapshot(`
    [
      "LICENSE",
      "README.md",
      "REFERENCE.md",
      "cli/foreground.mjs",
      "cli/knit.1",
      "cli/knit.cjs",
      "dist/cli.cjs",
      "dist/licenses.txt",
      "package.json",
    ]
  `)
})

test('npm installs it alone, and the command knit with it', ({ installed }) => {
  const { run } = installed
  const listed = JSON.parse(run('npm', 'ls', '--all', '--json').stdout) as {
    dependencies: Record<string, { dependencies?: object }>
  }
  expect(Object.keys(listed.dependencies)).toEqual([manifest.name])
  expect(listed.dependencies[manifest.name]?.dependencies).toBeUndefined()
  expect(run('knit', '--version')).toEqual({
    status: 0,
    stdout: `v${manifest.version}\n`,
    stderr: '',
  })
})

test('it tells npm which Node it needs, as it brings none', ({ installed }) => {
  const asked = `require('${manifest.name}/package.json').engines.node`
  expect(installed.run('node', '-p', asked).stdout).toBe('>=24\n')
})

test('it helps, tells its licences, and makes plans of its own', ({ installed }) => {
  const knit = (...words: string[]) => installed.run('knit', ...words)
  expect(knit('--help').stderr).toContain('USAGE knit init|')
  expect(knit('license').stdout).toMatch(/\nzod \S+ \(MIT\)\n/)
  expect(knit('plan', 'template', '--scratch').stdout).toContain('image: "image:version"')
})

test('it is a client: without a profile, and asked for a local home, it says what is missing', ({
  installed,
}) => {
  const knit = (...words: string[]) => installed.run('knit', ...words)
  expect(knit('run', 'find')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^there is no profile/),
  })
  expect(knit('local', 'start')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^this is a client only/),
  })
})
