import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { expect, inject } from 'vitest'
import { END, entry } from '#shared/archive/test-archives.ts'
import { test as apiTest } from '#tests/support/api.ts'
import { begin, send } from '#tests/support/over-socket.ts'

const MiB = 1024 * 1024

/** A server in a process of its own, with the peaks of its memory. */
type Probe = { root: URL; peak(): Promise<{ all: number; buffers: number }> }

const test = apiTest.extend<{ probe: Probe }>({
  probe: async ({ ctx }, use) => {
    const [{ name }] = (await ctx.sql`select current_database() as name`) as unknown as [
      { name: string },
    ]
    const { url, path } = inject('postgres')
    const folder = await mkdtemp(join(tmpdir(), 'memory-'))
    const program = new URL('./memory.probe.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [program, url, path, name, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line = async (): Promise<string> => String((await lines.next()).value)
    const root = new URL(await line())
    const peak: Probe['peak'] = async () => {
      child.stdin.write('\n')
      return JSON.parse(await line())
    }
    await use({ root, peak })
    child.stdin.end()
    await once(child, 'exit')
    await rm(folder, { recursive: true, force: true })
  },
})

const piece = randomBytes(MiB)

function* oneFile(bytes: number): Generator<Buffer> {
  yield entry({ name: 'large', size: bytes }).subarray(0, 512)
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece
  yield END
}

function* manyFiles(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index += 1)
    yield entry({ name: `${index % 100}/${index}` }, piece.subarray(0, 200))
  yield END
}

/** Uploads an archive and downloads it again, holding none of it. */
async function there(probe: Probe, tar: Iterable<Buffer>): Promise<string> {
  const body = Readable.from(tar).pipe(createGzip({ level: 0 }))
  const { status, text } = await send(probe, { method: 'POST', path: '/api/data', body })
  expect({ status, text }).toMatchObject({ status: 200 })
  return (JSON.parse(text) as { knitId: string }).knitId
}

async function back(probe: Probe, knitId: string): Promise<number> {
  const request = begin(probe, { path: `/api/data/${knitId}` })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let bytes = 0
  await pipeline(
    response,
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        done()
      },
    }),
  )
  expect(response.trailers['x-checksum-md5']).toMatch(/^[0-9a-f]{32}$/)
  return bytes
}

test('memory does not grow with the size of what is sent up and down', async ({ probe }) => {
  const peaks: number[] = []
  for (const bytes of [16 * MiB, 256 * MiB]) {
    const knitId = await there(probe, oneFile(bytes))
    peaks.push((await probe.peak()).all)
    expect(await back(probe, knitId)).toBeGreaterThan(bytes * 0.9)
    peaks.push((await probe.peak()).all)
  }
  const [up = 0, down = 0, upLarge = 0, downLarge = 0] = peaks
  // Bytes of memory for each byte more: one would be needed to hold the body, or what was read of the file.
  expect((upLarge - Math.max(up, down)) / (240 * MiB)).toBeLessThan(0.25)
  expect((downLarge - upLarge) / (240 * MiB)).toBeLessThan(0.25)
  // What is on its way is a small part of that; the rest waits to be freed.
  expect((await probe.peak()).buffers / MiB).toBeLessThan(48)
})

test('memory does not grow with the number of files', async ({ probe }) => {
  const peaks: number[] = []
  for (const count of [2_000, 20_000]) {
    await back(probe, await there(probe, manyFiles(count)))
    peaks.push((await probe.peak()).all)
  }
  const [few = 0, many = 0] = peaks
  expect((many - few) / 18_000).toBeLessThan(3 * 1024)
})
