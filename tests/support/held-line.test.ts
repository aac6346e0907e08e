import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { heldLine } from './held-line.ts'

const half = 2 ** 19
const whole = Buffer.alloc(2 * half, 'x')

async function serving(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/there`),
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

test.each([
  ['there', whole, ''],
  ['back', '', whole],
])(
  'what passes a held line stands still half way %s, while others pass, and comes whole when it may go on',
  async (_, sent, answered) => {
    let arrived = 0
    using server = await serving((request, response) => {
      request.on('data', (chunk: Buffer) => (arrived += chunk.length))
      request.on('end', () => response.end(answered))
    })
    await using line = await heldLine(server.url, half)
    let isOver = false
    const answer = fetch(line.apiRoot, { method: 'POST', body: sent })
      .then((response) => response.text())
      .finally(() => (isOver = true))
    await line.reached
    const later = await fetch(line.apiRoot, { method: 'POST', body: '' })
    expect(await later.text()).toBe(answered.toString())
    expect(isOver).toBe(false)
    expect(arrived).toBeLessThanOrEqual(half)
    line.goOn()
    expect(await answer).toBe(answered.toString())
    expect(arrived).toBe(sent.length)
  },
)

test('a line that breaks at the server breaks', async () => {
  using server = await serving(({ socket }) => void socket.destroy())
  await using line = await heldLine(server.url, half)
  await expect(fetch(line.apiRoot)).rejects.toThrow()
})
