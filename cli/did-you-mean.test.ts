import { expect, test } from 'vitest'
import { meantCommand, nearest } from './did-you-mean.ts'

const known = ['find', 'show', 'wait', 'stop', 'retry', 'rm']

test.each([
  ['fnd', 'find'],
  ['fidn', 'find'],
  ['ifnd', 'find'],
  ['finds', 'find'],
  ['FIND', 'find'],
  ['sotp', 'stop'],
  ['mr', 'rm'],
  ['waitt', 'wait'],
  ['fish', undefined],
  ['', undefined],
  ['x', undefined],
])('who types %j meant %j', (typed, meant) => expect(nearest(typed, known)).toBe(meant))

test('a plan has no log', () => {
  expect(meantCommand('logs', ['find', 'show'], 'knit plan ')).toBe('')
})

test.each([
  ['list', '; did you mean knit run find?'],
  ['delete', '; did you mean knit run rm?'],
  ['logs', '; did you mean knit run show --log?'],
  ['upload', ''],
  ['shwo', '; did you mean knit run show?'],
])('the word %j of another program is understood where we have such a command', (typed, told) =>
  expect(meantCommand(typed, known, 'knit run ')).toBe(told),
)
