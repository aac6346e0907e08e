import type { CoreV1Event, V1Pod } from '@kubernetes/client-node'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Api } from './api.ts'
import { eventsOf } from './events.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const podOf = (uid: string): V1Pod => ({ metadata: { uid } })

/** An API server with an event about each of two Pods, which takes so many milliseconds to read them all. */
function server(takes: number) {
  const items: CoreV1Event[] = ['a', 'b'].map((uid) => ({ metadata: {}, involvedObject: { uid } }))
  let asked = 0
  let fails = false
  const listNamespacedEvent = async () => {
    asked += 1
    vi.advanceTimersByTime(takes)
    if (fails) throw Object.assign(new Error(), { code: 429, body: '{}' })
    return { items }
  }
  return {
    api: { core: { listNamespacedEvent } } as unknown as Api,
    asked: () => asked,
    fail: (is: boolean) => (fails = is),
  }
}

test('all who ask for events at a time share an answer, and each is told of what is its own', async () => {
  const { api, asked } = server(0)
  const told = await Promise.all(['a', 'b', 'c'].map((uid) => eventsOf(api, 'n', podOf(uid))))
  expect(told.map((events) => events.map(({ involvedObject }) => involvedObject.uid))).toEqual([
    ['a'],
    ['b'],
    [],
  ])
  expect(asked()).toBe(1)
})

test('an API server that took its time to read events is asked again when it has been left alone ten times as long', async () => {
  const { api, asked } = server(300)
  await eventsOf(api, 'n', podOf('a'))
  vi.advanceTimersByTime(2999)
  await eventsOf(api, 'n', podOf('b'))
  expect(asked()).toBe(1)
  vi.advanceTimersByTime(1)
  await eventsOf(api, 'n', podOf('b'))
  expect(asked()).toBe(2)
})

test('an answer that did not come is nobody else’s', async () => {
  const { api, asked, fail } = server(300)
  fail(true)
  await expect(eventsOf(api, 'n', podOf('a'))).rejects.toThrow('the events of the namespace n')
  fail(false)
  expect(await eventsOf(api, 'n', podOf('a'))).toHaveLength(1)
  expect(asked()).toBe(2)
})
