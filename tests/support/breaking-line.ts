import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'

/** After how many bytes, counted over all that go that way, the next line breaks: of what is sent up, or of what comes down. */
export type Break = { up: number } | { down: number }

/**
 * A line to a server that breaks as often as is said: who sends sees a reset, and who receives an end that comes too early. `carried` counts the
 * bytes that went through, over all lines.
 */
export async function breakingLine(to: URL, breaks: readonly Break[]) {
  const left = [...breaks]
  const sockets = new Set<Socket>()
  const carried = { up: 0, down: 0, broken: 0 }
  const server = net.createServer((near) => {
    const far = net.connect(Number(to.port), to.hostname)
    const both = [near, far]
    const cut = () => {
      for (const socket of both) socket.resetAndDestroy()
    }
    for (const socket of both) {
      sockets.add(socket)
      socket.on('error', cut)
      socket.on('close', () => sockets.delete(socket))
    }
    const carry = (from: Socket, on: Socket, way: 'up' | 'down') =>
      from.on('data', (bytes: Buffer) => {
        const [next] = left
        const limit = next && way in next ? (next as Record<'up' | 'down', number>)[way] : Infinity
        const passed = bytes.subarray(0, Math.max(0, limit - carried[way]))
        carried[way] += passed.length
        if (passed.length === bytes.length) {
          if (!on.write(bytes)) from.pause()
          return
        }
        left.shift()
        carried.broken += 1
        // What was carried is still delivered: it is what follows that is lost.
        on.end(passed)
        from.resetAndDestroy()
      })
    carry(near, far, 'up')
    carry(far, near, 'down')
    near.on('drain', () => far.resume()).on('end', () => far.end())
    far.on('drain', () => near.resume()).on('end', () => near.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    apiRoot: `http://127.0.0.1:${port}${to.pathname}`,
    carried,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
