import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import { Away } from '#shared/ports/cluster.ts'
import { callAgent, Stranger, type AgentCall } from './agent-call.ts'

type CallOne = (
  answer: RequestListener,
  call?: AgentCall,
  patience?: number,
) => ReturnType<typeof callAgent>

/** Calls an agent that answers as a test says. */
const test = base.extend<{ call: CallOne }>({
  call: async ({}, use) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await use((answer, call, patience) => {
      server.on('request', answer)
      return callAgent(`http://127.0.0.1:${port}`, 'our key', 'data-1', call, patience)
    })
    server.closeAllConnections()
    server.close()
  },
})

test('an agent from which nothing comes is away', async ({ call }) => {
  await expect(call(() => {}, {}, 20)).rejects.toThrow(Away)
})

test('an agent that says that it is at work is waited for', async ({ call }) => {
  const answer = await call(
    (_request, response) => {
      let said = 0
      const beat = setInterval(() => {
        said += 1
        if (said < 5) return response.writeProcessing()
        clearInterval(beat)
        response.end('{}')
      }, 50)
    },
    {},
    150,
  )
  expect(await json(answer)).toEqual({})
})

test('a line that the agent breaks is not the line of whoever sends', async ({ call }) => {
  const body = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(64 * 1024)
    })(),
  )
  const broken = call((request) => request.socket.destroy(), { method: 'PUT', body })
  await expect(broken).rejects.toThrow(Away)
  body.destroy()
})

test('what is wrong with what is sent is told as it is', async ({ call }) => {
  const body = new Readable({ read() {} })
  const reason = new Error('the caller is gone')
  const refused = call(() => body.destroy(reason), { method: 'PUT', body })
  body.push('something')
  await expect(refused).rejects.toBe(reason)
})

test('an agent of a release before, which does not know what it is asked, is away', async ({
  call,
}) => {
  const refused = call((_request, response) =>
    response.writeHead(404).end(JSON.stringify({ message: 'agents do no such thing' })),
  )
  await expect(refused).rejects.toThrow(Away)
})

test('an agent with another key is no friend', async ({ call }) => {
  const refused = call((_request, response) =>
    response.writeHead(401).end(JSON.stringify({ message: 'nobody we know' })),
  )
  await expect(refused).rejects.toThrow(Stranger)
})
