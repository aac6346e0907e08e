import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { shellLine, shellWord } from './shell.ts'

test.each([
  ['plain', 'plain'],
  ['/home/ann/set-1', '/home/ann/set-1'],
  ['--tag=a:b', '--tag=a:b'],
  ['', "''"],
  ['/home/ann smith', "'/home/ann smith'"],
  ["it's", `'it'\\''s'`],
  ['~ann', "'~ann'"],
  ['=ls', "'=ls'"],
  ['two\nlines', "$'two\\nlines'"],
])('%j is pasted as %s', (word, pasted) => {
  expect(shellWord(word)).toBe(pasted)
})

test('what is pasted is what was meant, whatever is in it', () => {
  const words = [
    'a b',
    '$HOME',
    '`id`',
    '"',
    "'",
    '\\',
    "a\\'b\n\t\u001b[31m",
    '!',
    '*',
    '#x',
    '-n',
    '',
  ]
  const print = 'printf "%s\\0" '
  const printed = execFileSync('bash', ['-c', print + shellLine(words)], { encoding: 'utf8' })
  expect(printed.split('\0').slice(0, -1)).toEqual(words)
})
