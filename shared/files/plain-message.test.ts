import { readFileSync, renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { plainMessage } from './plain-message.ts'

test.each<[() => unknown, string]>([
  [() => readFileSync('/no/file'), 'no such file or directory: /no/file'],
  [() => renameSync('/no/file', "/it's"), 'no such file or directory: /no/file'],
  [() => readFileSync('/'), 'illegal operation on a directory'],
  [() => JSON.parse('"'), 'Unterminated string in JSON at position 1 (line 1 column 2)'],
])('what the system has against a file is told in plain words (%#)', (failing, words) => {
  let error: unknown
  try {
    failing()
  } catch (thrown) {
    error = thrown
  }
  expect(plainMessage(error as Error)).toBe(words)
})
