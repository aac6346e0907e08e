import { createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import {
  atMost,
  finding,
  median,
  spread,
  timed,
  type Bench,
  type Benchmark,
  type Facts,
  type Finding,
} from './harness.ts'
import { blackBox, type BlackBox } from './home.ts'
import { memoryOf } from './processes.ts'
import { scale } from './population.ts'

const gibibytes = 5 * scale
const manyFiles = 200_000 * scale

export default {
  id: 'large',
  what: 'pushing and pulling 5 GiB, and 200,000 files: memory',
  async run(bench) {
    const box = await blackBox(bench)
    return memoryWhileMoving(bench, box)
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
