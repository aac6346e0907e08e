import { expect, test } from 'vitest'
import { asCalled } from './called.ts'

const advice = 'mend that, then: knit data push x; docker save IMAGE | knit plan template'

test('what is advised is called as this program was', () => {
  expect(asCalled(advice, { env: {} })).toBe(advice)
  expect(asCalled(advice, { env: { npm_lifecycle_event: 'npx' } })).toBe(
    'mend that, then: npx knit data push x; docker save IMAGE | npx knit plan template',
  )
  expect(asCalled('npx knit init /a/knit b', { env: { npm_lifecycle_event: 'npx' } })).toBe(
    'npx knit init /a/knit b',
  )
})
