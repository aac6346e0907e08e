import { expect, test } from 'vitest'
import { whyNot } from './platform-node.ts'

test('a platform of which there can be no executable is told with the reason', () => {
  expect(whyNot('plan9-mips')).toMatch(/^there is no Node for plan9-mips, only for .*linux-x64/)
  expect(whyNot('darwin-arm64')).toMatch(/codesign$/)
})

test.each(['linux-x64', 'linux-arm64', 'win-x64'])('there can be one of %s', (platform) => {
  expect(whyNot(platform)).toBeUndefined()
})
