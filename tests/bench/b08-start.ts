import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  spread,
  type Benchmark,
  type Facts,
  type Finding,
  type Samples,
} from './harness.ts'
import { firstAnswer, freePort, memoryOf, runFor } from './processes.ts'
import { timesOfTurns, watchTurns } from './start-profile.ts'

const repository = new URL('../../', import.meta.url).pathname
const rounds = 5
const profiled = 'api-data-find'

export default {
  id: 'B8',
  what: 'from exec to the first 200, every function bundle',
  async run(bench) {
    const out = await bench.folder('dist')
    await runFor(process.execPath, [join(repository, 'esbuild.config.mjs'), out])
    writeFileSync(join(out, 'bare.cjs'), bareServer)
    const names = readdirSync(join(out, 'functions'))
      .filter((file) => file.endsWith('.cjs'))
      .map((file) => file.slice(0, -'.cjs'.length))
    const started: Started[] = []
    for (const name of names) {
      started.push(await measure(out, name))
      bench.say(`${name} is measured`)
    }
    return judge(names, started, await profile(await bench.folder('readable'), profiled))
  },
} satisfies Benchmark

function sourceOf(name: string): string {
  const [kind, ...rest] = name.split('-')
  const folder = { api: 'api/', step: 'steps/' }[kind ?? ''] ?? ''
  return join(repository, 'functions', `${folder}${folder ? rest.join('-') : name}`, 'function.ts')
}

/** What no function can be faster than: a server that answers and does nothing else. */
const bareServer = `
require('node:http').createServer((request, response) => response.end('ok'))
  .listen(process.env.KNIT_PORT)`

/** Of one function: milliseconds, and MiB at most, of each round. */
type Started = Samples<'node' | 'bare' | 'bundled' | 'refused' | 'unbundled'> & { memory: number[] }

async function measure(out: string, name: string): Promise<Started> {
  const memory: number[] = []
  const built = [join(out, 'start.cjs'), name]
  const unbundled = [join(repository, 'tests/bench/unbundled.ts'), sourceOf(name)]
  const samples = await alternate(rounds, {
    node: () => runFor(process.execPath, ['-e', '0']),
    bundled: () => start(built, { memory }),
    bare: () => start([join(out, 'bare.cjs')]),
    // What its own app has to say of a request that makes no sense: nothing that it needs may have been put off.
    refused: () => start(built, { method: name.startsWith('step') ? 'POST' : 'GET', path: '/' }),
    unbundled: () => start(unbundled),
  })
  return { ...samples, memory }
}

/** Where the time of a function goes; of a readable bundle, which takes the same. */
async function profile(out: string, name: string): Promise<string> {
  await runFor(process.execPath, [join(repository, 'esbuild.config.mjs'), out, '--readable'])
  const turns = join(out, 'turns.json')
  watchTurns(join(out, 'functions', `${name}.cjs`), turns)
  const built = [join(out, 'start.cjs'), name]
  await start([...built, '--compile'])
  return timesOfTurns(turns, rounds * 3, () => start(built))
}

type Ask = { path?: string; method?: string; memory?: number[] }

/** Milliseconds from exec to the first answer. */
async function start(args: string[], ask: Ask = {}): Promise<number> {
  const { path = '/healthz', method = 'GET', memory } = ask
  const port = await freePort()
  const env = {
    PATH: process.env['PATH'],
    KNIT_PORT: String(port),
    KNIT_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    KNIT_SIGNING_KEY: 'a key for benchmarks that is long enough',
    KNIT_TOKEN: 'a token for benchmarks',
    KNIT_LOG_LEVEL: 'error',
  }
  const began = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
  try {
    const status = await firstAnswer(port, path, method)
    const took = performance.now() - began
    if ((path === '/healthz') !== (status === 200))
      throw new Error(`${args.join(' ')} answered ${status} at ${path}`)
    memory?.push(memoryOf(child.pid ?? 0, 'VmHWM'))
    return took
  } finally {
    await end(child)
  }
}

/** Asked to end, and not killed: some write something as they end. */
async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function judge(names: readonly string[], started: readonly Started[], profile: string): Finding[] {
  const all = (what: keyof Started) => started.flatMap((one) => one[what])
  const byFunction = started.map(({ bundled, node }, index) => {
    const { ratio } = ratioOf(bundled, node)
    return { name: names[index] ?? '', ratio, memory: Math.max(...(started[index]?.memory ?? [])) }
  })
  const slowest = byFunction.toSorted((a, b) => b.ratio - a.ratio)[0]
  const largest = byFunction.toSorted((a, b) => b.memory - a.memory)[0]
  const facts: Facts = {
    functions: names.length,
    'node -e 0, ms': median(all('node')),
    'bare HTTP server, ms': median(all('bare')),
    'bare HTTP server / node -e 0': ratioOf(all('bare'), all('node')).ratio,
    'first 200, ms': median(all('bundled')),
    'first 200 / bare HTTP server': ratioOf(all('bundled'), all('bare')).ratio,
    'first answer of its own app, ms': median(all('refused')),
    'slowest function': `${slowest?.name}, ${slowest?.ratio.toFixed(2)}×`,
    [`where the time of ${profiled} goes, ms`]: profile,
    'unbundled, ms': median(all('unbundled')),
  }
  return [
    finding(
      { id: 'B8', what: 'exec to first 200 (/healthz) / `node -e 0`', unit: '×' },
      ratioOf(all('bundled'), all('node')),
      atMost(1.3),
      facts,
    ),
    finding(
      { id: 'B8.unbundled', what: 'first 200 unbundled / bundled', unit: '×' },
      ratioOf(all('unbundled'), all('bundled')),
      atLeast(2.5),
      {},
    ),
    finding(
      {
        id: 'B8.memory',
        what: 'most memory (VmHWM) of a function that has answered',
        unit: 'MiB',
      },
      spread(all('memory')),
      atMost(70),
      { 'largest function': `${largest?.name}, ${largest?.memory.toFixed(1)} MiB` },
    ),
  ]
}
