import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { json, text } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import {
  isCall,
  publicKeyFrom,
  signCall,
} from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import { measure } from '#shared/archive/measure.ts'
import { pack } from '#shared/archive/pack.ts'
import { createAgent } from './agent.ts'

type Agent = {
  folder: string
  /** Somewhere else. */
  scratch: string
  idle: Promise<void>
  call(method: string, path: string, body?: Readable, token?: string): Promise<IncomingMessage>
}

const test = base.extend<{ patience: number; agent: Agent }>({
  patience: 60_000,
  agent: async ({ patience }, use) => {
    const [folder, scratch] = ['volume', 'scratch'].map((name) =>
      mkdtempSync(`/var/tmp/knit-agent-${name}-`),
    ) as [string, string]
    const { promise: idle, resolve: onIdle } = Promise.withResolvers<void>()
    const mayCall = async (token: string | undefined) => token === 'friend'
    const server = createAgent({ folder, mayCall, idle: patience, onIdle }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const call: Agent['call'] = (method, path, body, token = 'friend') =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` }
        const asked = http.request({ host: '127.0.0.1', port, method, path, headers }, resolve)
        asked.once('error', reject)
        if (body) body.pipe(asked)
        else asked.end()
      })
    await use({ folder, scratch, idle, call })
    server.closeAllConnections()
    server.close()
    for (const one of [folder, scratch]) rmSync(one, { recursive: true })
  },
})

test('what was put is got, measured and read', async ({ agent }) => {
  writeFileSync(join(agent.scratch, 'a'), 'four')
  const put = await agent.call('PUT', '/content', pack(agent.scratch))

  const measured = await measure(agent.scratch)
  expect(await json(put)).toEqual(measured)
  expect(await json(await agent.call('GET', '/measure'))).toEqual(measured)
  expect(await text(await agent.call('GET', '/log'))).toBe('four')
  const got = Buffer.concat(await (await agent.call('GET', '/content')).toArray())
  expect(got.equals(Buffer.concat(await pack(agent.folder).toArray()))).toBe(true)
})

test('what somebody pushed for himself may be read by programs, whoever they run as', async ({
  agent,
}) => {
  writeFileSync(join(agent.scratch, 'a'), '', { mode: 0o700 })
  await agent.call('PUT', '/content', pack(agent.scratch))
  expect(statSync(join(agent.folder, 'a')).mode & 0o777).toBe(0o755)
})

test('an archive that cannot be taken is refused with the reason, while it is still sent', async ({
  agent,
}) => {
  writeFileSync(join(agent.folder, 'there'), '')
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(64 * 1024)
    })(),
  )
  const answer = await agent.call('PUT', '/content', endless)
  expect(answer.statusCode).toBe(422)
  expect(await json(answer)).toMatchObject({
    code: 'not-empty',
    message: expect.stringContaining('there'),
  })
  endless.destroy()
})

test('nobody is served whom it does not know, nor with what it does not do', async ({ agent }) => {
  writeFileSync(join(agent.folder, 'secret'), 'secret')
  for (const path of ['/log', '/content', '/measure', '/ready'])
    expect(await agent.call('GET', path, undefined, 'stranger')).toMatchObject({ statusCode: 401 })
  const put = await agent.call('PUT', '/content', pack(agent.scratch), 'stranger')
  expect(put.statusCode).toBe(401)
  expect((await agent.call('DELETE', '/content')).statusCode).toBe(404)
})

test.extend({ patience: 1 })(
  'an agent that nobody calls is not needed any more',
  async ({ agent }) => {
    await agent.idle
  },
)

test('a call is known by the volume and the key it was signed for', async () => {
  const key = publicKeyFrom('one key')
  const token = await signCall('data-1', 'one key')
  expect(await isCall(token, 'data-1', key)).toBe(true)
  expect(await isCall(token, 'data-2', key)).toBe(false)
  expect(await isCall(await signCall('data-1', 'another key'), 'data-1', key)).toBe(false)
  expect(await isCall(undefined, 'data-1', key)).toBe(false)
  expect(await isCall('nonsense', 'data-1', key)).toBe(false)
})
