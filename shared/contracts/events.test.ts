import { expect, test } from 'vitest'
import { runStatuses } from '#shared/domain/run-states.ts'
import { eventName, events, eventType, toldPerPlan, type EventName } from './events.ts'

const names = Object.keys(events) as EventName[]

test('an event is known by its type, which begins with our prefix', () => {
  for (const name of names) {
    expect(eventType(name)).toBe(`dev.knitfab.${name}`)
    expect(eventName(eventType(name))).toBe(name)
  }
})

test.for([
  '',
  'run.ready',
  'dev.knitfab.',
  'dev.knitfab.run.unknown',
  'dev.knitfab.constructor',
  'dev.knitfab.__proto__',
  'DEV.KNITFAB.run.ready',
])('the type %j is none of ours', (type) => {
  expect(eventName(type)).toBeUndefined()
})

test('there is an event for every status, per run or, where it happens to many, per plan', () => {
  for (const status of runStatuses) expect(names).toContain(`run.${status}`)
  expect([...toldPerPlan].toSorted()).toEqual(['deactivated', 'waiting'])
})

test('events carry ids and the attempt, never a snapshot', () => {
  for (const name of names)
    for (const field of Object.keys(events[name].shape))
      expect(['runId', 'planId', 'knitId', 'attempt', 'worker']).toContain(field)
})

test('an id that is none, or an attempt that cannot be, is refused', () => {
  const runId = '00000000-0000-7000-8000-000000000001'
  expect(events['run.ready'].safeParse({ runId, attempt: 1 }).success).toBe(true)
  for (const wrong of [
    { runId, attempt: 0 },
    { runId, attempt: 1.5 },
    { runId: `${runId}'`, attempt: 1 },
    { runId },
  ])
    expect(events['run.ready'].safeParse(wrong).success).toBe(false)
})
