import { readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { measure } from './measure.ts'
import { pack } from './pack.ts'
import { END, entry } from './test-archives.ts'
import { unpack } from './unpack.ts'

// Run as a process of its own: `memory.probe.ts files|bytes <how many> <directory>` prints the peak of its memory in MiB.
const [how, amount, dir] = process.argv.slice(2)
if (!dir) throw new Error('usage: files|bytes <how many> <directory>')

const content = Buffer.alloc(500, 'x')
const archive =
  how === 'files'
    ? Readable.from(manyFiles(Number(amount))).pipe(createGzip({ level: 1 }))
    : pack(await largeFile(Number(amount)))
const target = join(dir, 'out')
const measured = await unpack(archive, target)
const again = await measure(target)
await pipeline(pack(target), new Writable({ write: (_chunk, _encoding, done) => done() }))
if (measured.digest !== again.digest) throw new Error('measured differently')
const files = await readdir(target)
const peak = process.resourceUsage().maxRSS / 1024
process.stdout.write(JSON.stringify({ peak, files: files.length, bytes: measured.bytes }))

function* manyFiles(count: number) {
  for (let i = 0; i < count; i++) yield entry({ name: `file-${i}` }, content)
  yield END
}

async function largeFile(bytes: number): Promise<string> {
  const location = join(dir ?? '', 'large')
  await writeFile(location, '')
  await truncate(location, bytes)
  return location
}
