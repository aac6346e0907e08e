import { expect, test } from 'vitest'
import { whyNotMore } from './preview.ts'

const going = { active: true, paused: false }
const full = { path: '/in', asks: ['a:1'], fits: 2, pending: 0 }

const none = { existing: 0, orMore: false }

test('of a plan that does all it can there is nothing to tell', () => {
  expect(whyNotMore(going, [full], none)).toEqual([])
})

test('an input that nothing fits is named, with what it asks for and what will fit it', () => {
  const empty = { path: '/b', asks: ['b:1', 'c:2'], fits: 0, pending: 0 }
  expect(whyNotMore(going, [full, empty, { ...empty, pending: 3 }], none)).toEqual([
    'no data that is ready fits /b, which asks for b:1, c:2',
    'no data that is ready fits /b, which asks for b:1, c:2; 3 will, once their runs are done',
  ])
})

test('what was combined before, an inactive plan and a paused one are told', () => {
  const some = { existing: 5, orMore: true }
  const reasons = whyNotMore({ active: false, paused: true }, [full], some)
  expect(reasons).toEqual([
    expect.stringMatching(/^at least 5 of what/),
    expect.stringContaining('inactive'),
    expect.stringContaining('paused'),
  ])
})
