import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { bundleSize } from '#tests/support/bundle-size.ts'
import { bundle } from './bundle.ts'
import { tempDir } from './testing.ts'

const launcher = join(import.meta.dirname, 'knit.cjs')

/** Loaded before the program: writes down every module that is loaded after it. */
const witness = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const loaded = new Set()
  registerHooks({ load(url, context, next) { loaded.add(url); return next(url, context) } })
  process.on('exit', () => process.stderr.write('LOADED ' + JSON.stringify([...loaded])))
`)}`

/** The packages and our own modules that a command line loads. */
function loadedBy(...words: string[]) {
  const cwd = tempDir()
  const env = { ...process.env, KNIT_PROFILE_STORE: join(cwd, 'store'), KNIT_HOME: cwd }
  const options = { cwd, env, encoding: 'utf8' } as const
  const { stderr } = spawnSync(process.execPath, ['--import', witness, launcher, ...words], options)
  const urls: string[] = JSON.parse(stderr.split('LOADED ')[1] ?? '[]')
  const files = urls.filter((url) => url.startsWith('file:'))
  const packages = files.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])
  const own = files.filter((url) => !url.includes('node_modules'))
  return {
    packages: [...new Set(packages)].toSorted(),
    own: own.length,
    domain: own.flatMap((url) => /shared\/domain\/(.+)$/.exec(url)?.[1] ?? []),
  }
}

test('a program that asks for the version waits for nothing else', () => {
  const { packages, own } = loadedBy('--version')
  expect(packages).toEqual([])
  // The launcher with what it is made of, the entry, and the version.
  expect(own).toBeLessThan(8)
})

test('what needs no server loads next to nothing', () => {
  const { packages, own } = loadedBy('version')
  expect(packages).toEqual([])
  expect(own).toBeLessThan(25)
})

test('the help loads no command but those that have others below them, and no schema', () => {
  const { packages, own } = loadedBy('--help')
  expect(packages).toEqual(['citty'])
  expect(own).toBeLessThan(35)
})

test('what asks a server loads neither database, cluster nor archives', () => {
  const { packages, own } = loadedBy('run', 'find')
  expect(packages).toEqual(['yaml', 'zod'])
  expect(own).toBeLessThan(90)
})

test('what asks for data waits for no schema of plans, of runs, or of a local home', () => {
  const { domain } = loadedBy('data', 'find')
  expect(domain).toContain('data.ts')
  for (const other of ['plan.ts', 'run.ts', 'local-start.ts']) expect(domain).not.toContain(other)
})

/** Tells which modules of Node are loaded in the end. */
const tell = `process.on('exit', () => console.error(process.moduleLoadList.join()))`

test('what asks a server in the clear waits for neither TLS, checksums nor programs of others', async () => {
  const dir = tempDir()
  await bundle(dir)
  writeFileSync(join(dir, 'tell.cjs'), tell)
  const args = ['--require', join(dir, 'tell.cjs'), join(dir, 'cli.cjs'), 'run', 'find']
  const env = { HOME: dir, PATH: dir }
  const { stderr } = spawnSync(process.execPath, args, { cwd: dir, env, encoding: 'utf8' })
  expect(stderr).toMatch(/^there is no profile/)
  const loaded = stderr.split(',').map((name) => name.replace('NativeModule ', ''))
  expect(loaded).toContain('http')
  for (const late of ['tls', 'crypto', 'child_process', 'zlib', 'fs/promises'])
    expect(loaded).not.toContain(late)
})

test('what asks a server by a profile that knit has saved does not wait for what reads YAML', async () => {
  const found = [sampleData('d1', sampleRun('u1', {}))]
  await using stub = await stubOfTheWire(() => ({ json: found }))
  const cwd = tempDir()
  await bundle(cwd)
  writeFileSync(join(cwd, 'given'), `apiRoot: ${stub.apiRoot}\n`)
  writeFileSync(join(cwd, 'tell.cjs'), tell)
  const knit = async (...words: string[]) => {
    const args = ['--require', join(cwd, 'tell.cjs'), join(cwd, 'cli.cjs'), ...words]
    const options = { cwd, env: { HOME: cwd } }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options)
    // It loads the module of that name.
    return { stdout, hasReadYaml: stderr.trimEnd().split(',').includes('NativeModule process') }
  }
  expect(await knit('init', 'given')).toEqual({ stdout: '', hasReadYaml: true })
  const { stdout, hasReadYaml } = await knit('data', 'find')
  expect({ found: JSON.parse(stdout), hasReadYaml }).toEqual({ found, hasReadYaml: false })
})

test('what is evaluated before a command is known is at most 30 KB of the bundle', async () => {
  const { eager, later } = bundleSize(await bundle(tempDir()))
  expect(eager).toBeGreaterThan(10_000)
  expect(eager).toBeLessThanOrEqual(30_000)
  expect(later).toBeGreaterThan(eager)
})

test('the last line of the bundle has the groups of commands, and the digest of the rest', async () => {
  const dir = tempDir()
  await bundle(dir)
  const text = readFileSync(join(dir, 'cli.cjs'), 'utf8')
  const [, rest = '', groups, digest] = /^(.*\n)\/\/ (.*) (\w+)\n$/s.exec(text) ?? []
  expect(groups).toBe('data plan run admin profile local')
  expect(createHash('sha256').update(rest).digest('hex')).toBe(digest)
})
