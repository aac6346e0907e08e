import type { V1Pod } from '@kubernetes/client-node'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import { followLog } from './follow-log.ts'
import { containers } from './job.ts'
import { apiServedBy } from './test-api.ts'
import { complaints, stamped } from './test-log.ts'

/** What becomes of a worker: at each look at its Pod, how that is and what is given of its log. */
type Look = { main: 'running' | 'terminated'; log: (response: ServerResponse) => void } | 'gone'

const test = base.extend<{ follow(looks: Look[], kept?: string): Promise<string> }>({
  follow: async ({}, use) => {
    const undo = new DisposableStack()
    await use(async (looks, kept = '') => {
      const left = [...looks]
      let log: (response: ServerResponse) => void = () => {}
      const { api, close } = await apiServedBy((request, response) => {
        if (request.url?.endsWith(`/log?container=${containers.main}&follow=true&timestamps=true`))
          return log(response)
        if (request.url?.includes('/jobs/')) return response.writeHead(404).end('{}')
        const look = left.length > 1 ? left.shift() : left[0]
        if (look !== 'gone' && look) ({ log } = look)
        const items = look === 'gone' || !look ? [] : [podOf(look.main)]
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', items }))
      })
      undo.defer(close)
      const volumes = {
        requireVolume: async () => {},
        readLog: async () => Readable.from([Buffer.from(kept)]),
      }
      const { signal } = new AbortController()
      const about = { namespace: 'knit', worker: 'w', volume: 'v', signal, volumes }
      return text(await followLog(api, about))
    })
    undo.dispose()
  },
})

const podOf = (state: 'running' | 'terminated'): V1Pod => ({
  metadata: { name: 'w-1' },
  status: {
    phase: 'Running',
    containerStatuses: [
      {
        name: containers.main,
        image: 'any',
        imageID: 'any',
        ready: true,
        restartCount: 0,
        state: state === 'running' ? { running: {} } : { terminated: { exitCode: 0 } },
      },
    ],
  },
})

const [complaint = ''] = complaints

/** An answer with lines, the first of that second, and at last a kubelet's own words. */
const says =
  (lines: string, { second = 0, end = '' } = {}) =>
  (response: ServerResponse) =>
    void response.end(stamped(lines, second) + end)
const breaksAfter = (lines: string) => (response: ServerResponse) =>
  void response.write(stamped(lines), () => response.destroy())

test('a log goes on where its line broke, or was closed, until the program has ended', async ({
  follow,
}) => {
  const followed = follow([
    { main: 'running', log: breaksAfter('one\ntw') },
    { main: 'running', log: says('one\ntwo\n') },
    { main: 'terminated', log: says('one\ntwo\nthree\n') },
  ])
  expect(await followed).toBe('one\ntwo\nthree\n')
})

test('what a kubelet says in place of a log is not what the program has printed', async ({
  follow,
}) => {
  const followed = follow([
    { main: 'running', log: says('', { end: complaint }) },
    { main: 'running', log: says('one\n', { end: complaint }) },
    { main: 'running', log: breaksAfter('one\ntw') },
    { main: 'terminated', log: says('', { end: complaint }) },
    { main: 'terminated', log: says('one\ntwo\nthree') },
  ])
  expect(await followed).toBe('one\ntwo\nthree')
})

test('what is kept is read when there is a complaint in place of a log until the Pod has gone', async ({
  follow,
}) => {
  const followed = follow(
    [
      { main: 'running', log: breaksAfter('one\ntw') },
      { main: 'terminated', log: says('', { end: complaint }) },
      'gone',
    ],
    'one\ntwo\n',
  )
  expect(await followed).toBe('one\ntwo\n')
})

test('where a kubelet has begun a new file nothing is lost, and nothing sent twice', async ({
  follow,
}) => {
  const followed = follow([
    { main: 'running', log: breaksAfter('one\ntwo\nthr') },
    { main: 'running', log: says('two\nthree\n', { second: 1 }) },
    { main: 'terminated', log: says('four\nfive\n', { second: 3 }) },
  ])
  expect(await followed).toBe('one\ntwo\nthree\nfour\nfive\n')
})

test('what a program has printed whose Pod has gone meanwhile is read where it is kept', async ({
  follow,
}) => {
  const nothing = (response: ServerResponse) => void response.writeHead(404).end()
  const followed = follow(
    [{ main: 'running', log: breaksAfter('one\n') }, { main: 'terminated', log: nothing }, 'gone'],
    'one\ntwo\n',
  )
  expect(await followed).toBe('one\ntwo\n')
})

test('a log that cannot be had is an error at last', async ({ follow }) => {
  const refuses = (response: ServerResponse) => void response.writeHead(403).end()
  await expect(follow([{ main: 'terminated', log: refuses }])).rejects.toThrow(/pods\/log/)
})
