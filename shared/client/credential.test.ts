import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { runs } from '#shared/contracts/runs.ts'
import { connectApi } from './connect.ts'
import type { Credential } from './credential.ts'
import { stubOfTheWire } from './stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from './wire-samples.ts'

const run = sampleRun('t1', { outputs: [['/out', 'm1']] })

/** A server that takes one secret alone, and a credential that has these, one after another. */
async function server(good: string, ...secrets: string[]) {
  const stub = await stubOfTheWire(({ method, headers }) =>
    headers.authorization === `Bearer ${good}`
      ? { json: method === 'POST' ? sampleData('d1', run) : run }
      : { status: 401, json: { code: 'unauthorized', detail: 'no' } },
  )
  const credential: Credential = {
    secret: async () => secrets[0] ?? '',
    another: async () => {
      secrets.shift()
      return secrets[0]
    },
  }
  const sent = () => stub.requests.map(({ headers }) => headers.authorization)
  const api = connectApi({ apiRoot: stub.apiRoot, token: credential })
  return { sent, api, [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose]() }
}

test('a secret that is not taken is followed by another, once', async () => {
  await using it = await server('new', 'old', 'new')
  await expect(it.api.call(runs.show, run)).resolves.toEqual(run)
  expect(it.sent()).toEqual(['Bearer old', 'Bearer new'])
})

test('neither is another one after that, nor what there is not', async () => {
  await using it = await server('none', 'old', 'new', 'newer')
  await expect(it.api.call(runs.show, run)).rejects.toMatchObject({ status: 401 })
  expect(it.sent()).toEqual(['Bearer old', 'Bearer new'])
  await using last = await server('none', 'only')
  await expect(last.api.call(runs.show, run)).rejects.toMatchObject({ status: 401 })
  expect(last.sent()).toEqual(['Bearer only'])
})

test('an upload that can be made again is sent again with the other secret', async () => {
  await using it = await server('new', 'old', 'new')
  const pushed = await it.api.push(() => Readable.from([Buffer.from('bytes')]))
  expect(pushed.knitId).toBe(idOf('d1'))
  expect(it.sent()).toEqual(['Bearer old', 'Bearer new'])
})
