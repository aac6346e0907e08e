import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { directBus, httpBus } from './http-bus.ts'

const signer = { release: 'mine', signingKey: 'a key for tests that is long enough to be one' }
const id = '00000000-0000-7000-8000-000000000001'
const event = (name: 'run.ready' | 'worker.changed', number: number): KnitEvent => ({
  id: `e${number}`,
  name,
  subject: id,
  data: name === 'run.ready' ? { runId: id, attempt: 1 } : { worker: 'w' },
  time: new Date('2026-01-02T03:04:05.678Z'),
})

/** A server that answers as `answer` says, and what it was asked: path and event id. */
async function listening(answer: (path: string) => number) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers['ce-id']}`)
    request.resume()
    response.writeHead(answer(request.url ?? '')).end()
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('a broker is given events in order, and what it does not take is an error that says so', async () => {
  let full = false
  const { asked, url } = await listening(() => (full ? 503 : 202))
  const bus = httpBus(url, 'test', signer)
  await bus.publish([event('run.ready', 1), event('worker.changed', 2)])
  expect(asked).toEqual(['/ e1', '/ e2'])
  full = true
  await expect(bus.publish([event('run.ready', 3)])).rejects.toThrow(
    `${url} answered 503 to run.ready`,
  )
})

test('without a broker each step is given the events that wake it, in order', async () => {
  const { asked, url } = await listening(() => 202)
  await directBus(`${url}/{function}`, 'test', signer).publish([
    event('worker.changed', 1),
    event('run.ready', 2),
    event('worker.changed', 3),
  ])
  expect(asked.toSorted()).toEqual([
    '/step-finish-run e1',
    '/step-finish-run e3',
    '/step-observe-worker e1',
    '/step-observe-worker e3',
    '/step-start-run e2',
  ])
})

test('a step that does not serve an event keeps neither others from theirs nor is it kept from its own, and is an error', async () => {
  const { asked, url } = await listening((path) => (path.includes('observe') ? 500 : 202))
  const events = [event('worker.changed', 1), event('worker.changed', 2)]
  await expect(directBus(`${url}/{function}`, 'test', signer).publish(events)).rejects.toThrow(
    'step-observe-worker answered 500 to worker.changed',
  )
  for (const step of ['finish', 'observe'])
    expect(asked.filter((one) => one.includes(step))).toHaveLength(2)
})
