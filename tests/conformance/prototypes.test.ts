import { expect, test } from 'vitest'

test('these tests run without __proto__, which nothing of ours, and nothing that ours needs, relies on', () => {
  expect(Object.hasOwn(Object.prototype, '__proto__')).toBe(false)
})
