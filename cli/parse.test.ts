import { expect, test } from 'vitest'
import * as z from 'zod'
import { globalArgs, toggle } from './arg.ts'
import { flag, positional } from './args.ts'
import { firstPositional, parse, placeholder } from './parse.ts'

const args = {
  knitId: positional(z.string()),
  dest: positional(z.string().default('.')),
  tag: flag(z.array(z.string()).default([]), { short: 't' }),
  numbers: flag(z.string().optional(), { short: 'n' }),
  extract: toggle('', { short: 'x' }),
  up: toggle('', { short: 'u' }),
}
const defaults = { knitId: 'k', dest: '.', tag: [], numbers: undefined, extract: false, up: false }

test.each<[string, object]>([
  ['k', {}],
  ['--tag a=b:c k --tag=d -t e -te -t=f:g', { tag: ['a=b:c', 'd', 'e', 'e', 'f:g'] }],
  ['-xu k there', { extract: true, up: true, dest: 'there' }],
  ['k -', { dest: '-' }],
  ['k --numbers -', { numbers: '-' }],
  ['k --numbers -1', { numbers: '-1' }],
  ['-n 1 k -n 2', { numbers: '2' }],
  ['--extract=yes k --up=FALSE', { extract: true }],
  ['-- -k --tag', { knitId: '-k', dest: '--tag' }],
])('"%s" is read as people expect', (line, expected) => {
  expect(parse(line.split(' '), args)).toEqual({ ...defaults, ...expected })
})

test('a switch never eats the word behind it', () => {
  expect(parse(['-x', '1'], args)).toMatchObject({ extract: true, knitId: '1' })
})

test.each([
  ['', 'KNIT_ID is missing'],
  ['k there more', 'too many arguments: more'],
  ['k --bogus', 'unknown flag --bogus'],
  ['k --tags a:b', 'unknown flag --tags; did you mean --tag?'],
  ['k -z', 'unknown flag -z'],
  ['k --tag', '--tag needs a value'],
  ['k --extract=junk', '--extract is a switch: it is true or false, not "junk"'],
  ['k --constructor', 'unknown flag --constructor'],
])('"%s" is refused', (line, message) => {
  expect(() => parse(line.split(' ').filter(Boolean), args)).toThrow(message)
})

test('many positionals take what is left', () => {
  const many = { source: positional(z.array(z.string()).min(1)), x: toggle('', { short: 'x' }) }
  expect(parse(['a', '-x', 'b'], many)).toEqual({ source: ['a', 'b'], x: true })
  expect(() => parse([], many)).toThrow('SOURCE is missing')
})

test('the name of a command is found behind global flags and their values', () => {
  expect(firstPositional(['--profile', 'p', '--env=e', 'data', 'find'], globalArgs)).toBe(3)
  expect(firstPositional(['--profile', 'p'], globalArgs)).toBe(-1)
})

test.each([
  ['knitId', 'KNIT_ID'],
  ['source', 'SOURCE'],
  ['knitProfileFile', 'KNIT_PROFILE_FILE'],
])('the positional %s is written %s', (name, expected) => {
  expect(placeholder(name)).toBe(expected)
})
