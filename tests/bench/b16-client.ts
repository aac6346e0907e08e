import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { bundleSize } from '#tests/support/bundle-size.ts'
import { makeExecutable } from '../../cli/executable/make-executable.ts'
import { here, whyNot } from '../../cli/executable/platform-node.ts'
import { clientOf, packageClient } from './client.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  ratioOf,
  type Bench,
  type Benchmark,
  type Facts,
  type Finding,
  type Samples,
} from './harness.ts'
import { runFor } from './processes.ts'
import { sharesOfFile } from './profile.ts'

const rounds = 25
const data = 100

/** What is typed, and how much longer than a Node with nothing to do it may take. */
const lines = {
  version: { words: ['--version'], most: 1.15 },
  help: { words: ['--help'], most: 1.2 },
  find: { words: ['data', 'find'], most: 1.5 },
} as const
type Line = keyof typeof lines

export default {
  id: 'B16',
  what: 'knit --version, --help and data find, as an executable and as an npm package',
  missing: () => whyNot(here),
  async run(bench) {
    const world = await worldOf(bench)
    const { size, ...forms } = await build(await bench.folder('client'))
    for (const form of Object.values(forms)) await verify(form, world)
    const go = await peer()
    const ours = (form: Form, line: Line) => () =>
      runFor(form.program, [...form.words, ...lines[line].words], world)
    const samples = await alternate(rounds, {
      node: () => runFor(process.execPath, ['-e', '0']),
      bare: () => runFor(process.execPath, [world.bareClient]),
      go: async () => (go === undefined ? 0 : runFor('runc', ['--version'])),
      ...everyLine((line) => [`executable ${line}`, ours(forms.executable, line)]),
      ...everyLine((line) => [`package ${line}`, ours(forms.package, line)]),
    })
    const facts: Facts = {
      'node -e 0, ms': median(samples.node),
      'bare HTTP client in Node, ms': median(samples.bare),
      'bare HTTP client / node -e 0': ratioOf(samples.bare, samples.node).ratio,
      peer: go ?? 'none: there is no runc',
      ...(go !== undefined && { 'peer, ms': median(samples.go) }),
      'where the time of data find goes': await profile(forms.package, world),
    }
    return [...findings(samples, facts), sizeOf(size)]
  },
} satisfies Benchmark

type World = { cwd: string; env: NodeJS.ProcessEnv; bareClient: string }

/** A directory with a profile that leads to a server that knows some data; programs keep what V8 has compiled there, too. */
async function worldOf(bench: Bench): Promise<World> {
  const run = sampleRun('u1', { outputs: [['/upload', 'd1']] })
  const all = Array.from({ length: data }, (_, i) => sampleData(`d${i}`, run, [], ['type:photo']))
  const stub = await stubOfTheWire(() => ({ json: all }))
  bench.onEnd(() => stub[Symbol.asyncDispose]())
  const cwd = await bench.folder('client-world')
  const bareClient = join(cwd, 'bare.cjs')
  writeFileSync(
    bareClient,
    `require('node:http').get('${stub.apiRoot}/data', (answer) => answer.pipe(process.stdout))`,
  )
  return { ...clientOf(cwd, stub), bareClient }
}

/** A form that `knit` comes in: the program that is started, with its first words. */
type Form = { program: string; words: string[]; map: string }

async function build(dist: string) {
  const { built, knit, map } = await packageClient(dist)
  const folder = join(dist, 'executables')
  mkdirSync(folder)
  return {
    size: bundleSize(built),
    executable: { program: await makeExecutable({ platform: here, dist, folder }), words: [], map },
    package: { program: process.execPath, words: [knit], map },
  }
}

/** That each does what it says, and finds all there is. */
async function verify({ program, words }: Form, { cwd, env }: World): Promise<void> {
  const said = async (line: Line) =>
    promisify(execFile)(program, [...words, ...lines[line].words], { cwd, env })
  const { stdout: version } = await said('version')
  const { stderr: help } = await said('help')
  const found = JSON.parse((await said('find')).stdout) as unknown[]
  if (!/^v\d/.test(version) || !help.includes('USAGE knit') || found.length !== data)
    throw new Error(`${program} ${words.join(' ')} does not do what it is measured for`)
}

async function peer(): Promise<string | undefined> {
  try {
    return (await promisify(execFile)('runc', ['--version'])).stdout.split('\n')[0]
  } catch {
    return undefined
  }
}

type Name = `${'executable' | 'package'} ${Line}`
type Measures = Record<Name, () => Promise<number>>

const everyLine = (entry: (line: Line) => [Name, () => Promise<number>]): Measures =>
  Object.fromEntries((Object.keys(lines) as Line[]).map(entry)) as Measures

/** Of one more start, which being watched makes longer. */
async function profile({ program, words, map }: Form, world: World): Promise<string> {
  const dir = join(world.cwd, 'profile')
  const watched = ['--cpu-prof', `--cpu-prof-dir=${dir}`, '--cpu-prof-interval=50']
  await runFor(program, [...watched, ...words, ...lines.find.words], world)
  const [file = ''] = readdirSync(dir)
  return sharesOfFile(join(dir, file), map)
}

function findings(samples: Samples<Name | 'node' | 'bare' | 'go'>, facts: Facts): Finding[] {
  const forms = { executable: 'B16', package: 'B16.npm' } as const
  return Object.entries(forms).flatMap(([form, id]) =>
    Object.entries(lines).map(([line, { words, most }]) => {
      const name = `${form} ${line}` as Name
      const isFirst = name === 'executable version'
      return finding(
        {
          id: line === 'version' ? id : `${id}.${line}`,
          what: `\`knit ${words.join(' ')}\`, ${form} / \`node -e 0\``,
          unit: '×',
        },
        ratioOf(samples[name], samples.node),
        atMost(most),
        { ...(isFirst && facts), 'ours, ms': median(samples[name]) },
      )
    }),
  )
}

function sizeOf({ eager, later }: { eager: number; later: number }): Finding {
  const [ratio, min, max] = [eager / 1000, eager / 1000, eager / 1000]
  return finding(
    { id: 'B16.eager', what: 'the bundle, as far as it is evaluated for any command', unit: 'KB' },
    { ratio, min, max },
    atMost(150),
    { 'evaluated on use, KB': later / 1000 },
  )
}
