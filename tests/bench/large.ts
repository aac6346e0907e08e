import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  rounded,
  spread,
  timed,
  type Bench,
  type Benchmark,
  type Facts,
  type Finding,
} from './harness.ts'
import { blackBox, type BlackBox } from './home.ts'
import { memoryOf, runFor } from './processes.ts'
import { scale } from './population.ts'

const gibibytes = 5 * scale
const manyFiles = 200_000 * scale
const compared = { bytes: 256 * 2 ** 20, files: 2000 }

export default {
  id: 'large',
  what: 'pushing and pulling 5 GiB, and 200,000 files: memory and rates',
  async run(bench) {
    const box = await blackBox(bench)
    return [...(await memoryWhileMoving(bench, box)), ...(await ratesBesideTar(bench, box))]
  },
} satisfies Benchmark

/** Files of text that compresses well, so that moving them is not only compressing them. */
async function makeFiles(folder: string, files: number, bytes: number): Promise<void> {
  const line = 'step 0123 loss 0.4567 accuracy 0.8901 learning rate 0.0023\n'
  const block = Buffer.alloc(Math.min(bytes, 2 ** 20), line)
  for (let i = 0; i < files; i += 1) {
    const parent = join(folder, `part-${Math.floor(i / 1000)}`)
    if (i % 1000 === 0) mkdirSync(parent, { recursive: true })
    const path = join(parent, `file-${i}`)
    if (bytes <= block.length) await writeFile(path, block)
    else
      await pipeline(async function* () {
        for (let written = 0; written < bytes; written += block.length) yield block
      }, createWriteStream(path))
  }
}

type Moved = { pushed: number; pulled: number; memory: number[] }

/** Pushes a folder and pulls it again; seconds of both, and MiB of the local home all the while. */
async function move({ running, api }: BlackBox, source: string, target: string): Promise<Moved> {
  const memory: number[] = []
  const watch = setInterval(() => memory.push(memoryOf(running.pid, 'VmRSS')), 250)
  try {
    let knitId = ''
    const pushed = await timed(async () => {
      knitId = (await api.push(pack(source), { tags: ['bench:large'] })).knitId
    })
    mkdirSync(target)
    const pulled = await timed(async () => unpack(await api.pull(knitId), target))
    return { pushed: pushed / 1000, pulled: pulled / 1000, memory }
  } finally {
    clearInterval(watch)
    rmSync(target, { recursive: true, force: true })
  }
}

async function memoryWhileMoving(bench: Bench, box: BlackBox): Promise<Finding[]> {
  const folder = await bench.folder('large')
  const cases = [
    { id: 'large.bytes', name: `${gibibytes} GiB`, files: 20, bytes: (gibibytes * 2 ** 30) / 20 },
    { id: 'large.files', name: `${manyFiles} files`, files: manyFiles, bytes: 1024 },
  ]
  const findings: Finding[] = []
  for (const { id, name, files, bytes } of cases) {
    const source = join(folder, id)
    await makeFiles(source, files, bytes)
    const { pushed, pulled, memory } = await move(box, source, join(folder, 'pulled'))
    rmSync(source, { recursive: true, force: true })
    bench.say(`${name} have been moved`)
    // What is loaded and grown at the beginning is no slope.
    const third = Math.floor(memory.length / 3)
    const middle = memory.slice(third, 2 * third)
    const facts: Facts = {
      'push, s': pushed,
      'pull, s': pulled,
      'push, MiB/s': (files * bytes) / 2 ** 20 / pushed,
      'pull, MiB/s': (files * bytes) / 2 ** 20 / pulled,
      'files/s pushed': files / pushed,
      'at most, MiB': Math.max(...memory),
      samples: memory.length,
    }
    findings.push(
      finding(
        { id, what: `memory (RSS) of the home, ${name}: last third / middle third`, unit: '×' },
        {
          ...spread(memory.map((one) => one / median(middle))),
          ratio: median(memory.slice(2 * third)) / median(middle),
        },
        atMost(1.15),
        facts,
      ),
    )
  }
  return findings
}

/** How fast files go through the API and back, beside tar and gzip without any API. */
async function ratesBesideTar(bench: Bench, box: BlackBox): Promise<Finding[]> {
  const folder = await bench.folder('rates')
  const findings: Finding[] = []
  const cases = [
    { id: 'large.rate', name: '256 MiB', files: 16, bytes: compared.bytes / 16, bound: 0.8 },
    {
      id: 'large.small',
      name: '2,000 small files',
      files: compared.files,
      bytes: 1024,
      bound: 0.45,
    },
  ]
  for (const { id, name, files, bytes, bound } of cases) {
    const source = join(folder, id)
    await makeFiles(source, files, bytes)
    const target = join(folder, 'target')
    const samples = await alternate(5, {
      ours: async () => {
        const { pushed, pulled } = await move(box, source, target)
        return pushed + pulled
      },
      tar: async () => (await tarThere(source, target)) + (await tarThere(source, target)),
      copy: async () => {
        const took = (await runFor('cp', ['-r', source, target])) / 1000
        rmSync(target, { recursive: true, force: true })
        return took
      },
    })
    findings.push(
      finding(
        {
          id,
          what: `${name} pushed and pulled: tar | gzip -1 | gzip -d | tar twice / ours`,
          unit: '×',
        },
        ratioOf(samples.tar, samples.ours),
        atLeast(bound),
        {
          'ours, s': rounded(median(samples.ours)),
          'tar, s': rounded(median(samples.tar)),
          'cp -r, s': rounded(median(samples.copy)),
        },
      ),
    )
  }
  return findings
}

/** Seconds of packing, compressing, and both again backwards, by the system's own programs, with what is written on disk. */
async function tarThere(source: string, target: string): Promise<number> {
  mkdirSync(target)
  const line = 'tar c -C "$1" . | gzip -1 | gzip -d | tar x -C "$2" && sync -f "$2"'
  const took = await timed(async () => {
    const child = spawn('sh', ['-c', line, 'sh', source, target], { stdio: 'inherit' })
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`tar ended with ${code}`)
  })
  rmSync(target, { recursive: true, force: true })
  return took / 1000
}
