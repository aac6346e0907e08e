import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import type { Coding } from '#shared/domain/archive-type.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  timed,
  type Bench,
  type Benchmark,
  type Facts,
  type Finding,
} from './harness.ts'
import { blackBox, type BlackBox } from './home.ts'
import { scale } from './population.ts'
import { memoryOf, runFor } from './processes.ts'

const rounds = 5
const mebibyte = 2 ** 20
const mixed = Math.ceil(1024 * scale)
const smallFiles = Math.ceil(20_000 * scale)
const mostMemory = 150

/** What pipelines are made of, at the levels that ours takes. */
const codecs: Record<Coding, { program: string; pack: string; unpack: string }> = {
  gzip: { program: 'pigz', pack: 'pigz -p1 -1', unpack: 'pigz -dc' },
  zstd: { program: 'zstd', pack: 'zstd -3 -q', unpack: 'zstd -dcq' },
}

export default {
  id: 'B15',
  what: `${mixed} MiB of all kinds, and ${smallFiles} small files, pushed and pulled`,
  missing() {
    const wanted = ['tar', 'curl', ...Object.values(codecs).map(({ program }) => program)]
    const look = 'for program; do command -v "$program" > /dev/null || echo "$program"; done'
    const absent = execFileSync('sh', ['-c', look, 'sh', ...wanted], { encoding: 'utf8' })
    if (absent) return `it needs ${absent.trim().replaceAll('\n', ', ')}, packages of Debian`
    return undefined
  },
  async run(bench) {
    const box = await blackBox(bench)
    const memory = idleMemory(box)
    const folder = await bench.folder('transfers')
    const places: Places = { source: join(folder, 'source'), target: join(folder, 'target') }
    makeMixed(places.source)
    const gzip = await besidePipeline(bench, box, places, 'gzip')
    memory['most after gzip, MiB'] = mostMemoryOf(box)
    const zstd = await besidePipeline(bench, box, places, 'zstd')
    memory['most after zstd, MiB'] = mostMemoryOf(box)
    rmSync(places.source, { recursive: true })
    makeSmall(places.source)
    const small = await besideTar(box, places)
    return [gzip, zstd, small, memoryOfHome(box, memory)]
  },
} satisfies Benchmark

type Places = { source: string; target: string }

/** Files from 4 KiB to 64 MiB, one half of the bytes text, the other such as no codec makes shorter. */
function makeMixed(folder: string): void {
  const line = 'step 0123 loss 0.4567 accuracy 0.8901 learning rate 0.0023\n'
  mkdirSync(folder)
  let left = mixed * mebibyte
  for (let made = 0; left > 0; made += 1) {
    const bytes = Math.min(left, 4096 * 2 ** (made % 15))
    const content = made % 30 < 15 ? Buffer.alloc(bytes, line) : randomBytes(bytes)
    writeFileSync(join(folder, `file-${made}`), content)
    left -= bytes
  }
}

function makeSmall(folder: string): void {
  for (let made = 0; made < smallFiles; made += 1) {
    const parent = join(folder, `part-${Math.floor(made / 1000)}`)
    if (made % 1000 === 0) mkdirSync(parent, { recursive: true })
    writeFileSync(join(parent, `file-${made}`), randomBytes(1024))
  }
}

/** Pushes a folder and pulls it again, the archive compressed like that; milliseconds. */
const through = ({ api }: BlackBox, { source, target }: Places, coding: Coding): Promise<number> =>
  intoNew(target, async () => {
    const archive = coding === 'zstd' ? () => pack(source, { coding }) : pack(source)
    const { knitId } = await api.push(archive, { tags: ['bench:transfer'] })
    await unpack(await api.pull(knitId, { zstd: coding === 'zstd' }), target)
  })

/** Milliseconds of what fills a folder, which is gone afterwards. */
async function intoNew(target: string, work: () => Promise<unknown>): Promise<number> {
  mkdirSync(target)
  const took = await timed(work)
  rmSync(target, { recursive: true })
  return took
}

async function besidePipeline(
  bench: Bench,
  box: BlackBox,
  places: Places,
  coding: Coding,
): Promise<Finding> {
  const { source, target } = places
  const codec = codecs[coding]
  const pipeline = await pipelineOverHttp(bench, coding, places)
  const samples = await alternate(rounds, {
    ours: () => through(box, places, coding),
    theirs: () => pipeline(),
    codec: () => shell(`tar c -C "$1" . | ${codec.pack} | ${codec.unpack} > /dev/null`, [source]),
    disk: () => intoNew(target, () => shell('cp -r "$1/." "$2" && sync -f "$2"', [source, target])),
  })
  // What is written goes through the codec and to the disk twice: there and back.
  const limit = Math.max(2 * median(samples.codec), 2 * median(samples.disk))
  return finding(
    {
      id: coding === 'gzip' ? 'B15' : 'B15.zstd',
      what: `${mixed} MiB pushed and pulled as ${coding}: tar, ${codec.program}, curl and back / ours`,
      unit: '×',
    },
    ratioOf(samples.theirs, samples.ours),
    atLeast(0.8),
    {
      'ours, s': median(samples.ours) / 1000,
      'the pipeline, s': median(samples.theirs) / 1000,
      'the codec alone, twice, s': (2 * median(samples.codec)) / 1000,
      'cp and sync, twice, s': (2 * median(samples.disk)) / 1000,
      'slower of both / ours': limit / median(samples.ours),
      'a pipeline': `tar c | ${codec.pack} | curl -T - , and a server that gives it to ${codec.unpack} | tar x`,
    },
  )
}

async function besideTar(box: BlackBox, places: Places): Promise<Finding> {
  const { source, target } = places
  const line = 'tar c -C "$1" . | tar x -C "$2" && sync -f "$2"'
  const there = () => intoNew(target, () => shell(line, [source, target]))
  const samples = await alternate(rounds, {
    ours: () => through(box, places, 'zstd'),
    tar: async () => (await there()) + (await there()),
  })
  return finding(
    {
      id: 'B15.small',
      what: `${smallFiles} files of 1 KiB pushed and pulled: tar | tar, twice / ours`,
      unit: '×',
    },
    ratioOf(samples.tar, samples.ours),
    atLeast(0.45),
    { 'ours, s': median(samples.ours) / 1000, 'tar, s': median(samples.tar) / 1000 },
  )
}

/** What a home has that has moved nothing, and of that Node and what it has loaded from files. */
const idleMemory = ({ running: { pid } }: BlackBox): Facts => ({
  'idle, MiB': memoryOf(pid, 'VmRSS'),
  'of that, pages of Node and other files, MiB': memoryOf(pid, 'RssFile'),
})

const mostMemoryOf = ({ running: { pid } }: BlackBox): number => memoryOf(pid, 'VmHWM')

function memoryOfHome(box: BlackBox, facts: Facts): Finding {
  const most = mostMemoryOf(box)
  return finding(
    { id: 'B15.memory', what: 'most memory (VmHWM) of the home that moved all of it', unit: 'MiB' },
    { ratio: most, min: most, max: most },
    atMost(mostMemory),
    facts,
  )
}

/** The same there and back by the system's own programs and a bare server; milliseconds. */
async function pipelineOverHttp(
  bench: Bench,
  coding: Coding,
  { source, target }: Places,
): Promise<() => Promise<number>> {
  const codec = codecs[coding]
  const kept = join(await bench.folder('kept'), 'kept')
  const server = createServer((request, response) => {
    const isPush = request.method === 'PUT'
    const line = isPush
      ? `${codec.unpack} | tar x -C "$1" && sync -f "$1"`
      : `tar c -C "$1" . | ${codec.pack}`
    const child = spawn('sh', ['-c', line, 'sh', kept], { stdio: ['pipe', 'pipe', 'inherit'] })
    if (isPush) {
      request.pipe(child.stdin)
      child.once('exit', (code) => response.writeHead(code === 0 ? 201 : 500).end())
    } else child.stdout.pipe(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  bench.onEnd(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const push = `tar c -C "$1" . | ${codec.pack} | curl -sf -T - "$2"`
  const pull = `curl -sf "$2" | ${codec.unpack} | tar x -C "$1" && sync -f "$1"`
  return async () => {
    mkdirSync(kept)
    const took = await intoNew(target, async () => {
      await shell(push, [source, url])
      await shell(pull, [target, url])
    })
    rmSync(kept, { recursive: true })
    return took
  }
}

const shell = (line: string, words: readonly string[]): Promise<number> =>
  runFor('sh', ['-c', line, 'sh', ...words])
