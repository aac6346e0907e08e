import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { beforeEach, expect, test as base } from 'vitest'
import { bundle } from '../../cli/bundle.ts'
import { makeExecutable } from '../../cli/executable/make-executable.ts'
import { here } from '../../cli/executable/platform-node.ts'
import { building } from '#tests/support/build.ts'
import { startHome, temporaryFolder, type RunningHome } from '#tests/support/local-home.ts'

const platform = 'linux-x64'

type Made = { folder: string; bin: string; home: RunningHome; knit: Knit }
type Knit = (words: string[]) => Promise<Said>
type Said = { code: number | null; stdout: string; stderr: string }

/** The executable, alone in a directory of its own, beside a local home. */
const test = base.extend<{ $file: { made: Made } }>({
  made: [
    async ({}, use) => {
      const { path: folder, remove } = await temporaryFolder('knit-executable-')
      const [dist, bin, work] = ['dist', 'bin', 'work'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ]
      for (const dir of [dist, bin, work]) mkdirSync(dir)
      await bundle(dist)
      renameSync(await makeExecutable({ platform, dist, folder: bin }), join(bin, 'knit'))
      for (const name of ['sh', 'cat']) symlinkSync(`/bin/${name}`, join(bin, name))
      const home = await startHome(join(folder, 'home'))
      await use({ folder, bin, home, knit: knitIn(bin, work, folder) })
      await home.stop()
      await remove()
    },
    { scope: 'file' },
  ],
})

/** Runs it where there is no Node and nothing else but what its extension needs. */
const knitIn =
  (bin: string, cwd: string, home: string): Knit =>
  async (words) => {
    const env = { PATH: bin, HOME: home }
    const child = spawn(join(bin, 'knit'), words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    return { code: child.exitCode, stdout, stderr }
  }

const done = { code: 0, stderr: '' }

beforeEach(({ skip }) => {
  if (here !== platform) skip(`needs ${platform}`)
})

// The first that asks for it waits until it is made.
test('it says its version and helps without a Node', building, async ({ made }) => {
  const { knit } = made
  expect(await knit(['--version'])).toEqual({ ...done, stdout: 'v0.1.0\n' })
  expect((await knit(['--help'])).stderr).toContain('USAGE knit init|')
  expect(await knit(['dta'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean knit data?'),
  })
})

test('it brings what V8 compiles of it', building, async ({ made }) => {
  const witness = join(made.folder, 'witness.cjs')
  writeFileSync(witness, tellsWhatIsTaken)
  const env = { HOME: made.folder, NODE_OPTIONS: `--require ${witness}` }
  for (const words of [['--version'], ['--help'], ['profile', 'list'], ['data', 'ls', '--help']]) {
    const child = spawn(join(made.bin, 'knit'), words, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    expect(await text(child.stderr), words.join(' ')).toMatch(/^taken\n/)
  }
})

const tellsWhatIsTaken = `
  const vm = require('node:vm')
  const { Script } = vm
  vm.Script = class extends Script {
    constructor(source, options) {
      super(source, options)
      process._rawDebug(options.cachedData && !this.cachedDataRejected ? 'taken' : 'not taken')
    }
  }
`

test('it goes the whole way with a local home', building, async ({ made }) => {
  const { folder, home, knit } = made
  const work = join(folder, 'work')
  const ok = async (...words: string[]) => {
    const said = await knit([...words, '--quiet'])
    expect({ words, ...said }).toMatchObject({ words, ...done })
    return said.stdout.trim()
  }
  await ok('init', join(home.folder, 'knitprofile'))
  mkdirSync(join(work, 'poem'))
  writeFileSync(join(work, 'poem/text'), 'nothing beside remains\n')
  const pushed = await ok('data', 'push', 'poem', '--tag', 'type:poem', '--output', 'name')
  expect(await ok('data', 'find', '--tag', 'type:poem', '--output', 'name')).toBe(pushed)
  writeFileSync(join(work, 'plan.yaml'), plan)
  const planId = await ok('plan', 'apply', 'plan.yaml', '--output', 'name')
  await ok('run', 'wait', '--planid', planId)
  const run = await ok('run', 'find', '--planid', planId, '--output', 'name')
  expect(JSON.parse(await ok('run', 'show', run))).toMatchObject({ runId: run, status: 'done' })
  expect(await ok('run', 'show', run, '--log')).toBe('copied')
  const copy = await ok('data', 'find', '--tag', 'type:copy', '--output', 'name')
  await ok('data', 'pull', copy, 'results', '--extract')
  expect(readFileSync(join(work, 'results', copy, 'text'), 'utf8')).toBe('nothing beside remains\n')
  const completed = await knit(['__complete', '--', 'run', 'show', run.slice(0, 8)])
  expect(completed.stdout).toContain(`${run}\tdone `)
})

const plan = `
image: knit.local/host:1
entrypoint: [sh, -c]
args: ["cp /in/poem/text /out/copy/text; echo copied"]
inputs:
  - path: /in/poem
    tags: ["type:poem"]
outputs:
  - path: /out/copy
    tags: ["type:copy"]
log:
  tags: ["type:log"]
`

test('it has its licences in itself, and that of Node', building, async ({ made }) => {
  const { code, stdout } = await made.knit(['license'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^knitfab \S+ \(Apache-2\.0\)\n/)
  expect(stdout).toMatch(/\nzod \S+ \(MIT\)\n/)
  expect(stdout).toMatch(/\n-{80}\n\nnode\n\nNode\.js is licensed for use as follows/)
})

test('it teaches shells, and has its extensions', building, async ({ made }) => {
  const { bin, knit } = made
  expect((await knit(['completion', 'bash'])).stdout).toContain('complete -F _knit knit')
  const extension = join(bin, 'knit-hello')
  writeFileSync(extension, '#!/bin/sh\necho "$KNIT_PROFILE: $*"\nexec knit --version\n')
  chmodSync(extension, 0o755)
  expect(await knit(['hello', 'you', '--profile', 'p'])).toEqual({
    ...done,
    stdout: 'p: you\nv0.1.0\n',
  })
})

test('it starts no local home, and says who does', building, async ({ made }) => {
  // It is no Node, with which what lies beside it could be started.
  writeFileSync(join(made.bin, 'local.mjs'), '')
  expect(await made.knit(['local', 'start'])).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'this is a client only: the system that runs on one machine is not part of it\n' +
      'try: in a checkout of Knitfab: npm ci && npx knit local start --detach\n',
  })
})
