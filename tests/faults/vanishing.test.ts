import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { data } from '#shared/contracts/data.ts'
import { until } from '#tests/support/until.ts'
import { untilAtRest } from './at-rest.ts'
import { test, type TestHome } from './test-home.ts'

const knit = new URL('../../cli/knit.cjs', import.meta.url).pathname
const headEnd = '\r\n\r\n'

/** Which way is held up: what is sent to a home, or what it sends. */
type Way = 'up' | 'down'

/** How what has the body begins, after whatever is asked before. */
const begins: Record<Way, string> = { up: 'POST ', down: 'HTTP/1.1 200' }

/**
 * A line to a home that lets so many bytes of the first body pass, one way, and keeps the others: `reached` resolves then. Who is
 * killed at either end is gone for the other.
 */
async function lineTo({ apiRoot }: TestHome, way: Way, bytes: number) {
  const reached = Promise.withResolvers<void>()
  const { hostname, port } = new URL(apiRoot)
  const server = net.createServer((near) => {
    const far = net.connect(Number(port), hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {})
      one.once('close', () => other.destroy())
    }
    const [from, to] = way === 'up' ? [near, far] : [far, near]
    to.pipe(from)
    upTo({ bytes, first: begins[way] }, from, to, reached.resolve)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`
  return { root, reached: reached.promise }
}

type Part = { bytes: number; first: string }

function upTo({ bytes, first }: Part, from: Socket, to: Socket, reached: () => void): void {
  let seen = Buffer.alloc(0)
  let passed = 0
  from.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk])
    const begin = seen.indexOf(first)
    const head = begin < 0 ? -1 : seen.indexOf(headEnd, begin)
    const end = head < 0 ? seen.length : Math.min(seen.length, head + headEnd.length + bytes)
    if (end > passed) to.write(seen.subarray(passed, end))
    passed = Math.max(passed, end)
    // What comes beyond is taken, and kept: who does not read does not hear of an end either.
    if (passed < seen.length || (head >= 0 && bytes === 0)) reached()
  })
}

/** A folder with a file of which nothing can be compressed, and how long its archive is. */
async function someData(folder: string): Promise<{ source: string; size: number }> {
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'noise'), randomBytes(2 ** 20))
  writeFileSync(join(source, 'word'), 'last')
  return { source, size: (await buffer(pack(source))).length }
}

/** `knit` as a process of its own, with a profile that leads to `root`. */
function start(folder: string, root: string, ...words: string[]) {
  writeFileSync(join(folder, '.knitprofile'), 'test')
  writeFileSync(join(folder, 'store'), `test:\n    apiRoot: ${root}\n    cert: {}\n`)
  const env = { ...process.env, KNIT_PROFILE_STORE: join(folder, 'store') }
  return spawn(process.execPath, [knit, ...words], { cwd: folder, env, stdio: 'ignore' })
}

const visible = ({ api }: TestHome) => api.call(data.find, {})
const volumes = ({ folder }: TestHome) => readdirSync(join(folder, 'volumes'))

/** At its beginning, in the middle, just before its end. */
const parts = [0, 0.5, 0.999]

test('of an upload whose client is killed, however much has arrived, nothing is there as data, and nothing on disk', async ({
  folder,
  start: startHome,
}) => {
  // For so long the client might come back, and go on.
  const home = await startHome({ env: { KNIT_UPLOAD_LEASE: '2' } })
  const { source, size } = await someData(folder)
  const words = ['data', 'push', source, '--tag', 'a:b']
  for (const part of parts) {
    const line = await lineTo(home, 'up', Math.floor(part * size))
    const client = start(folder, line.root, ...words)
    await line.reached
    await until(() => volumes(home).length === 1)
    const [begun] = await visible(home)
    expect(begun?.tags).toContain('knit#transient:processing')
    client.kill('SIGKILL')
    await until(async () => (await visible(home)).length === 0)
    await until(() => volumes(home).length === 0)
  }
  const again = start(folder, home.apiRoot, ...words)
  expect(await once(again, 'exit')).toEqual([0, null])
  expect(await visible(home)).toHaveLength(1)
  await untilAtRest(home)
})

test('a download whose client is killed, however much has come, leaves nothing under the name of the data, and can be done again', async ({
  folder,
  start: startHome,
}) => {
  const home = await startHome()
  const { source, size } = await someData(folder)
  const { knitId } = await home.api.push(() => pack(source))
  const words = ['data', 'pull', knitId, 'out', '--extract']
  for (const part of parts) {
    const line = await lineTo(home, 'down', Math.floor(part * size))
    const client = start(folder, line.root, ...words)
    await line.reached
    client.kill('SIGKILL')
    await once(client, 'exit')
    expect(existsSync(join(folder, 'out', knitId))).toBe(false)
  }
  const again = start(folder, home.apiRoot, ...words)
  expect(await once(again, 'exit')).toEqual([0, null])
  expect(readdirSync(join(folder, 'out', knitId))).toEqual(['noise', 'word'])
  await untilAtRest(home)
})
