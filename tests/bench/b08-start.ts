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

const repository = new URL('../../', import.meta.url).pathname
const rounds = 5

export default {
  id: 'B8',
  what: 'from exec to the first 200, every function bundle',
  async run(bench) {
    const out = await bench.folder('dist')
    await runFor(process.execPath, [join(repository, 'esbuild.config.mjs'), out])
    const bare = join(out, 'bare.cjs')
    writeFileSync(bare, bareServer)
    const names = readdirSync(join(out, 'functions'))
      .filter((file) => file.endsWith('.mjs'))
      .map((file) => file.slice(0, -'.mjs'.length))
    const started: Started[] = []
    for (const name of names) {
      const cache = join(out, 'compiled')
      started.push(
        await measure(join(out, 'functions', `${name}.mjs`), sourceOf(name), bare, cache),
      )
      bench.say(`${name} is measured`)
    }
    return judge(names, started)
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
type Started = Samples<'node' | 'bare' | 'bundled' | 'unbundled'> & { memory: number[] }

/** The bundle finds what V8 compiled in the warm-up in a folder, as it would in an image. */
async function measure(
  bundle: string,
  source: string,
  bare: string,
  cache: string,
): Promise<Started> {
  const memory: number[] = []
  const compiled = { NODE_COMPILE_CACHE: cache }
  const samples = await alternate(rounds, {
    node: () => runFor(process.execPath, ['-e', '0']),
    bundled: () => start([bundle], compiled, memory),
    bare: () => start([bare], compiled),
    unbundled: () => start([join(repository, 'tests/bench/unbundled.ts'), source]),
  })
  return { ...samples, memory }
}

/** Milliseconds from exec to the first 200. */
async function start(
  args: string[],
  more: Record<string, string> = {},
  memory?: number[],
): Promise<number> {
  const port = await freePort()
  const env = {
    PATH: process.env['PATH'],
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: String(port),
    KNIT_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    KNIT_SIGNING_KEY: 'a key for benchmarks that is long enough',
    KNIT_LOG_LEVEL: 'error',
    ...more,
  }
  const began = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
  try {
    const status = await firstAnswer(port, '/healthz')
    const took = performance.now() - began
    if (status !== 200) throw new Error(`${args.join(' ')} answered ${status}`)
    memory?.push(memoryOf(child.pid ?? 0, 'VmHWM'))
    return took
  } finally {
    // Asked to end, and not killed: V8 writes what it has compiled as a process ends.
    await end(child)
  }
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function judge(names: readonly string[], started: readonly Started[]): Finding[] {
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
    'slowest function': `${slowest?.name}, ${slowest?.ratio.toFixed(2)}×`,
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
