import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { json, text } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import {
  isCall,
  publicKeyFrom,
  signCall,
} from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import type { FolderVolumes } from '#shared/adapters/folder-volumes.ts'
import { partHeaders } from '#shared/adapters/kubernetes-cluster/part-headers.ts'
import { measure } from '#shared/archive/measure.ts'
import { pack } from '#shared/archive/pack.ts'
import { until } from '#tests/support/until.ts'
import { createAgent } from './agent.ts'
import { complaintOf, removed } from './complaint.ts'

type Agent = {
  folders: { volumes: string; trash: string }
  /** A volume that is there, and where. */
  volume: string
  folder: string
  /** Somewhere else. */
  scratch: string
  idle: Promise<void>
  call(method: string, path: string, body?: Readable, token?: string): Promise<IncomingMessage>
  /** The same, and when the agent has said that it is at work. */
  begin(...call: Parameters<Agent['call']>): Begun
}

type Begun = { answer: Promise<IncomingMessage>; atWork: Promise<unknown> }

const nameOfOne = () => `data-knitid-${randomUUID()}`

const test = base.extend<{ patience: number; agent: Agent }>({
  patience: 60_000,
  agent: async ({ patience }, use) => {
    const storage = mkdtempSync('/var/tmp/knit-agent-')
    const [volumes, trash, scratch] = ['volumes', 'trash', 'scratch'].map((name) =>
      join(storage, name),
    ) as [string, string, string]
    for (const folder of [volumes, trash, scratch]) mkdirSync(folder)
    const folders = { volumes, trash }
    const { promise: idle, resolve: end } = Promise.withResolvers<void>()
    const mayCall = async (token: string | undefined, about: string) => token === `about ${about}`
    const server = createAgent({ folders, mayCall, beat: 1, idle: { after: patience, end } })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const begin: Agent['begin'] = (method, path, body, token = `about ${path.split('/')[1]}`) => {
      const headers = { authorization: `Bearer ${token}` }
      const asked = http.request({ host: '127.0.0.1', port, method, path, headers })
      const answer = new Promise<IncomingMessage>((resolve, reject) =>
        asked.once('response', resolve).on('error', reject),
      )
      asked.flushHeaders()
      if (body) body.pipe(asked)
      else asked.end()
      return { answer, atWork: new Promise((resolve) => asked.once('information', resolve)) }
    }
    const call: Agent['call'] = (...args) => begin(...args).answer
    const volume = nameOfOne()
    expect((await call('PUT', `/${volume}`)).statusCode).toBe(200)
    await use({ folders, volume, folder: join(volumes, volume), scratch, idle, begin, call })
    server.closeAllConnections()
    server.close()
    rmSync(storage, { recursive: true })
  },
})

test('what was put is got, measured and read', async ({ agent }) => {
  const { volume, folder, scratch } = agent
  writeFileSync(join(scratch, 'a'), 'four')
  const put = await agent.call('PUT', `/${volume}/content`, pack(scratch))

  const found = await measure(scratch)
  expect(await json(put)).toMatchObject({ measure: found })
  expect(await json(await agent.call('GET', `/${volume}/measure`))).toEqual(found)
  expect(await text(await agent.call('GET', `/${volume}/log`))).toBe('four')
  const answer = await agent.call('GET', `/${volume}/content`)
  const got = Buffer.concat(await answer.toArray())
  expect(got.equals(Buffer.concat(await pack(folder).toArray()))).toBe(true)
  expect(answer.trailers).toEqual({ 'knit-content-digest': found.digest })
})

test('files are listed and read one by one, and what is wrong with that is told by its code', async ({
  agent,
}) => {
  const { volume, folder, call } = agent
  mkdirSync(join(folder, 'd ?'))
  writeFileSync(join(folder, 'd ?/a+b'), '0123456789')
  const query = (parameters: Record<string, string>) => `?${new URLSearchParams(parameters)}`
  const list = await call('GET', `/${volume}/files${query({ path: 'd ?', limit: '5' })}`)
  expect(await json(list)).toMatchObject({ files: [{ path: 'd ?/a+b', size: 10 }] })
  const file = await call('GET', `/${volume}/file${query({ path: 'd ?/a+b' })}`)
  expect(file.headers).toMatchObject({ 'content-length': '10', 'knit-file-size': '10' })
  expect(await text(file)).toBe('0123456789')

  for (const [path, status, code] of [
    ['none', 404, 'no-such-file'],
    ['../canary', 404, 'no-such-file'],
    ['d ?', 422, 'not-a-file'],
  ] as const) {
    const answer = await call('GET', `/${volume}/file${query({ path })}`)
    expect([answer.statusCode, await json(answer)]).toMatchObject([status, { code }])
  }
})

test('what somebody pushed for himself may be read by programs, whoever they run as', async ({
  agent,
}) => {
  writeFileSync(join(agent.scratch, 'a'), '', { mode: 0o700 })
  await agent.call('PUT', `/${agent.volume}/content`, pack(agent.scratch))
  expect(statSync(join(agent.folder, 'a')).mode & 0o777).toBe(0o755)
})

test('volumes are made for programs of any user, listed, and deleted with what is in them', async ({
  agent,
}) => {
  const { volume, folder, folders } = agent
  const listed = async () => json(await agent.call('GET', '/all'))
  expect(statSync(folder).mode & 0o777).toBe(0o777)
  writeFileSync(join(folder, 'a'), '')
  expect((await agent.call('PUT', `/${volume}`)).statusCode).toBe(200)
  expect(readdirSync(folder)).toEqual(['a'])
  const other = nameOfOne()
  await agent.call('PUT', `/${other}`)
  expect(new Set((await listed()) as string[])).toEqual(new Set([volume, other]))

  for (const name of [volume, volume, nameOfOne()])
    expect((await agent.call('DELETE', `/${name}`)).statusCode).toBe(200)
  expect(await listed()).toEqual([other])
  expect(readdirSync(folders.trash)).toEqual([])
})

test('a volume that is not there is missed by whoever asks for it', async ({ agent }) => {
  const name = nameOfOne()
  for (const part of ['', '/content', '/log', '/measure', '/files', '/file?path=a']) {
    const answer = await agent.call('GET', `/${name}${part}`)
    expect(answer.statusCode).toBe(404)
    expect(await json(answer)).toMatchObject({ code: 'no-such-volume' })
  }
  const put = await agent.call('PUT', `/${name}/content`, pack(agent.scratch))
  expect(await json(put)).toMatchObject({ code: 'no-such-volume' })
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
  const answer = await agent.call('PUT', `/${agent.volume}/content`, endless)
  expect(answer.statusCode).toBe(422)
  expect(await json(answer)).toMatchObject({
    code: 'not-empty',
    message: expect.stringContaining('there'),
  })
  endless.destroy()
})

test('nobody is served whom it does not know, nor with another volume than he may have, nor with what it does not do', async ({
  agent,
}) => {
  const { volume, call } = agent
  writeFileSync(join(agent.folder, 'secret'), 'secret')
  for (const token of ['stranger', `about ${nameOfOne()}`, 'about all'])
    for (const part of ['', '/log', '/content', '/measure', '/files', '/file?path=secret'])
      expect(await call('GET', `/${volume}${part}`, undefined, token)).toMatchObject({
        statusCode: 401,
      })
  expect(await call('GET', '/all', undefined, `about ${volume}`)).toMatchObject({ statusCode: 401 })
  expect(await call('DELETE', `/${volume}`, undefined, 'stranger')).toMatchObject({
    statusCode: 401,
  })
  const put = await call('PUT', `/${volume}/content`, pack(agent.scratch), 'stranger')
  expect(put.statusCode).toBe(401)
  for (const path of [`/${volume}/content`, `/${volume}/`, '/all'])
    expect(await call('DELETE', path)).toMatchObject({ statusCode: 404 })
  expect(await call('DELETE', '/..%2fvolumes')).toMatchObject({ statusCode: 500 })
  expect(readdirSync(agent.folder)).toEqual(['secret'])
})

test('the kubelet, which has no token, is told that it serves', async ({ agent }) => {
  expect(await agent.call('GET', '/healthz', undefined, '')).toMatchObject({ statusCode: 200 })
})

test('who waits for an answer hears meanwhile that it is being worked on', async ({ agent }) => {
  const body = new PassThrough()
  const { answer, atWork } = agent.begin('PUT', `/${agent.volume}/content`, body)
  await atWork
  pack(agent.scratch).pipe(body)
  expect((await answer).statusCode).toBe(200)
})

test('who goes before it is known who he is keeps no agent from being idle', async ({ agent }) => {
  const known = Promise.withResolvers<boolean>()
  const asked = Promise.withResolvers<void>()
  let ends = 0
  const mayCall = async (_token: string | undefined, about: string) => {
    if (about !== agent.volume) {
      asked.resolve()
      return known.promise
    }
    // What is counted is from the last call on.
    ends = 0
    return true
  }
  const idle = { after: 1, end: () => void (ends += 1) }
  const server = createAgent({ folders: agent.folders, mayCall, idle }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const call = (path: string) => http.get({ host: '127.0.0.1', port, path })
  const gone = call(`/${nameOfOne()}`).on('error', () => {})
  await asked.promise
  const lost = new Promise((resolve) => server.once('connection', resolve))
  gone.destroy()
  // By the time another is served, the line is known to be broken.
  await once(call(`/${agent.volume}`), 'response')
  await lost
  known.resolve(true)
  await once(call(`/${agent.volume}`), 'response')
  await until(() => ends > 0)
  server.closeAllConnections()
  server.close()
})

test('an agent that awaits the rest of an archive is needed, though nobody calls', async ({
  agent,
}) => {
  const mayCall = async () => true
  let ends = 0
  const idle = { after: 1, end: () => void (ends += 1) }
  const server = createAgent({ folders: agent.folders, mayCall, idle }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const call = async (method: string, path: string, headers = {}) => {
    const [answer] = await once(
      http.request({ host: '127.0.0.1', port, method, path, headers }).end(),
      'response',
    )
    return (answer as IncomingMessage).resume()
  }
  const part = partHeaders({ from: 0, last: false, keep: 60 })
  expect((await call('PUT', `/${agent.volume}/content`, part)).statusCode).toBe(200)
  const before = ends
  let ticks = 0
  const ticking = setInterval(() => (ticks += 1), 1)
  await until(() => ticks > 30)
  clearInterval(ticking)
  expect(ends).toBe(before)
  await call('DELETE', `/${agent.volume}`)
  await until(() => ends > before)
  server.closeAllConnections()
  server.close()
})

test.extend({ patience: 1 })(
  'an agent that nobody calls is not needed any more',
  async ({ agent }) => {
    await agent.idle
  },
)

test('what an agent may not remove is told with whose it is and what to do', async () => {
  const forbidden = async () => {
    const words = "EACCES: permission denied, rmdir '/data/trash/v/a'"
    throw Object.assign(new Error(words), { code: 'EACCES', path: '/data/trash/v/a' })
  }
  const volumes = { deleteVolume: forbidden } as unknown as FolderVolumes
  expect(await removed(volumes, 'v').then(() => [], complaintOf)).toEqual([
    500,
    { message: expect.stringMatching(/^permission denied: .*\/a\. .* as root, .* trash\/v /) },
  ])
})

test('that there is no room left is told as that', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
  })
  expect(complaintOf(full)).toEqual([507, { code: 'ENOSPC', message: 'no space left on device' }])
})

test('a call is known by the volume and the key it was signed for', async () => {
  const key = publicKeyFrom('one key')
  const token = await signCall('data-1', 'one key')
  expect(await isCall(token, 'data-1', key)).toBe(true)
  expect(await isCall(token, 'data-2', key)).toBe(false)
  expect(await isCall(await signCall('data-1', 'another key'), 'data-1', key)).toBe(false)
  expect(await isCall(undefined, 'data-1', key)).toBe(false)
  expect(await isCall('nonsense', 'data-1', key)).toBe(false)
})
