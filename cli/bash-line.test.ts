import { expect, test } from 'vitest'
import { readBashLine } from './bash-line.ts'

const usual = ' \t\n"\'@><=;|&(:'

test.each([
  ['knit ', ['knit', '']],
  ['knit  data\tpu', ['knit', 'data', 'pu']],
  [String.raw`knit -t note:a\ b x`, ['knit', '-t', 'note:a b', 'x']],
  [`knit -t 'a "b' "c 'd" `, ['knit', '-t', 'a "b', "c 'd", '']],
  [String.raw`knit "a\"b\n" 'a\'b`, ['knit', String.raw`a"b\n`, String.raw`a\b`]],
  [`knit '' ""`, ['knit', '', '']],
  [`knit a'b c`, ['knit', 'ab c']],
  ['knit a\\', ['knit', 'a']],
  ['knit "a\\', ['knit', 'a\\']],
])('the words of the line %j are %j', (line, words) => {
  expect(readBashLine(line, usual).words).toEqual(words)
})

test.each([
  ['-t no', 'note:a b', String.raw`note:a\ b`],
  ['-t note:', 'note:a b', String.raw`a\ b`],
  ['--tag=note:a', '--tag=note:a b', String.raw`a\ b`],
  ['--tag=no', '--tag=note:a b', String.raw`note:a\ b`],
  ['-t mail:a@', 'mail:a@b', 'b'],
  ['-t "no', 'note:a b', 'note:a b'],
  ['-t "note:a ', 'note:a "$b"', String.raw`note:a \"\$b\"`],
  [`-t 'no`, "note:it's", String.raw`note:it'\''s`],
  ['--tag="note:a', '--tag=note:a b', 'note:a b'],
  [String.raw`-t note:a\ b\:c`, 'note:a b:c d', String.raw`a\ b:c\ d`],
  [`-t "note:"a`, 'note:a b', String.raw`note:a\ b`],
  ['-t ', 'näh:(1)', String.raw`näh:\(1\)`],
])('behind "knit %s" bash is given, for %j, %j', (line, word, given) => {
  expect(readBashLine(`knit ${line}`, usual).inPlace(word)).toBe(given)
})

test('where a colon parts no words, words with colons are given whole', () => {
  const breaks = usual.replace(':', '')
  expect(readBashLine('knit -t note:', breaks).inPlace('note:a')).toBe('note:a')
})
