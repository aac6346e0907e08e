import { expect, test } from 'vitest'
import { systemExits } from './run-exits.ts'
import { reasonOf } from './run-reason.ts'

test.for([
  [
    'a program that failed',
    { code: 3, message: '(container main) Error' },
    /^its program ended with exit code 3: \(container main\) Error$/,
  ],
  [
    'a program that took too much memory',
    { code: 137, message: '(container main) OOMKilled' },
    /^its program ended with exit code 137: \(container main\) OOMKilled; .* knit plan resource /,
  ],
  [
    'a program that was killed',
    { code: 137, message: '(container main) Error' },
    /^its program ended with exit code 137: \(container main\) Error; .* if for the memory .* knit plan resource /,
  ],
  [
    'a program of which nothing is known but the code',
    { code: 7, message: '' },
    /^its program ended with exit code 7$/,
  ],
  ['a worker that vanished', systemExits.lost, /^its worker vanished: /],
  ['the wish of a user', systemExits.aborted, /^aborted by user$/],
  [
    'what the system says of a plan',
    { code: 255, message: 'the image is not known here' },
    /^the image is not known here$/,
  ],
] as const)('%s is told in words', ([, exit, words]) => {
  expect(reasonOf({ status: 'failed', exit })).toMatch(words)
  expect(reasonOf({ status: 'aborting', exit, told: exit.message })).toMatch(words)
})

test('what keeps a failed run from ending is told behind why it failed', () => {
  const exit = { code: 1, message: '(container main) Error' }
  expect(reasonOf({ status: 'aborting', exit, told: 'its worker is being removed' })).toBe(
    'its program ended with exit code 1: (container main) Error; its worker is being removed',
  )
})

test('a run that succeeded needs no reason, but for a program that was stopped', () => {
  expect(reasonOf({ status: 'done', exit: { code: 0, message: '' } })).toBeUndefined()
  expect(reasonOf({ status: 'done', exit: systemExits.stopped })).toBe('stopped by user')
})

test('a run that waits again says why, also while its volumes are made', () => {
  const told = 'attempt 1 was lost: its node is gone'
  expect(reasonOf({ status: 'waiting', told })).toBe(told)
  expect(reasonOf({ status: 'waiting', told, served: true })).toBe(
    `it has been admitted: its volumes are being made; ${told}`,
  )
})

test('a run that was put back says only what did that, also while it is tried again', () => {
  const told = 'the hook http://h keeps the run from being ready: it answered 403'
  for (const served of [false, true])
    expect(reasonOf({ status: 'waiting', told, served, putBack: true })).toBe(told)
})

test('a run on its way tells what whoever served it last had to say', () => {
  expect(reasonOf({ status: 'starting', told: 'the image is being pulled' })).toBe(
    'the image is being pulled',
  )
  expect(reasonOf({ status: 'running' })).toBeUndefined()
  expect(reasonOf({ status: 'deactivated' })).toBe('its plan is inactive')
})
