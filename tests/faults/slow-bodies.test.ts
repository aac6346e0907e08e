import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { expect, onTestFinished, vi } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { makeData } from '#tests/support/makers.ts'
import { openFront, send, type Front } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'
import { test } from '#tests/support/world.ts'

/** A line on which a request has been begun of whose body nothing has come yet, though somebody waits for it. */
async function begun({ root }: Front, request: string): Promise<Socket> {
  const line = net.connect(Number(root.port), root.hostname)
  line.on('error', () => {})
  onTestFinished(() => void line.destroy())
  const headers = [`host: ${root.host}`, 'content-type: application/json', 'expect: 100-continue']
  line.write(`${request} HTTP/1.1\r\n${headers.join('\r\n')}\r\ntransfer-encoding: chunked\r\n\r\n`)
  const [told] = (await once(line, 'data')) as [Buffer]
  expect(told.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  return line
}

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

test('five hundred bodies that drip, or do not come at all, are given up, and whoever else reads, changes and pushes is served beside them', async ({
  ctx,
}) => {
  const front = await openFront(ctx)
  onTestFinished(() => front.close())
  // How long a line is given is what a test says.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const knitId = await makeData(ctx, 'kept:1')
  const requests = [`PUT /api/data/${knitId}`, 'POST /api/plans', 'POST /api/data?tag=slow:1']
  const uploads = 50
  const lines = await Promise.all(
    Array.from({ length: 500 }, (_, at) => begun(front, requests[at < uploads ? 2 : at % 2] ?? '')),
  )
  const archive = tgz(entry({ name: 'a' }, 'x'))
  for (const line of lines.slice(0, uploads)) line.write(chunk('\x1f'))
  const dripping = lines.slice(uploads).filter((_, at) => at % 4 === 0)
  const drip = () => dripping.forEach((line) => line.write(chunk(' ')))
  drip()
  for (let times = 0; times < 5; times += 1) {
    const asked = [
      { path: `/api/data/${knitId}/metadata` },
      { path: '/api/runs' },
      { method: 'PUT', path: `/api/data/${knitId}`, body: `{"add":["turn:${times}"]}` },
      { method: 'POST', path: '/api/data?tag=quick:1', body: archive },
    ]
    for (const wish of asked) expect((await send(front, wish)).status).toBe(200)
  }

  const isCut = (line: Socket) => line.destroyed || line.readableEnded
  expect(lines.filter(isCut)).toEqual([])
  await until(() => {
    drip()
    vi.advanceTimersByTime(2 * ctx.config.uploadLease * 1000)
    return lines.every(isCut)
  })
  const named = async (tag: string) =>
    JSON.parse((await send(front, { path: `/api/data?tag=${tag}` })).text) as { tags: string[] }[]
  expect(await named('quick:1')).toHaveLength(5)
  const [kept] = await named('kept:1')
  expect(kept?.tags.filter((tag) => tag.startsWith('turn:'))).toHaveLength(5)
  await until(async () => (await named('slow:1')).length === 0)
})
