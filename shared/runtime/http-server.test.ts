import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { closeServer, httpServer } from './http-server.ts'

const long = 600

test('a server that closes answers what it was asked, and waits for no caller who keeps the line', async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<Response>()
  const server = httpServer(() => {
    asked.resolve()
    return answer.promise
  })
  // By itself it would never close a line that is kept.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new http.Agent({ keepAlive: true })
  const request = http.get({ host: '127.0.0.1', port, agent })
  await asked.promise

  const closed = closeServer(server, long)
  answer.resolve(new Response('whole'))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(await text(response)).toBe('whole')
  await closed
  agent.destroy()
})
