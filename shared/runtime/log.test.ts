import { expect, test } from 'vitest'
import type { LogFields } from '#shared/ports/log.ts'
import { createLog } from './log.ts'

function written(format: 'json' | 'text', fields: LogFields): string {
  let text = ''
  const write = (line: string) => (text += line)
  createLog({ format, level: 'info', write }).child({ trace: 'abc' }).info('run failed', fields)
  return text
}

const fields = { run: 'r-1', exitCode: 3, reason: 'no "x"\nat all', image: undefined, hook: null }

test('a line for people has a date, one line of fields that say something, and no trace', () => {
  expect(written('text', fields)).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d run failed run=r-1 exitCode=3 reason="no \\"x\\"\\nat all"\n$/,
  )
})

test('an error is told below its line, with its causes', () => {
  const error = new Error('outer', { cause: new Error('inner') })
  expect(written('text', { error })).toMatch(
    / run failed\n {2}Error: outer\n {6}at .*\n {2}caused by Error: inner\n/s,
  )
})

test('a line for machines has all there is', () => {
  expect(JSON.parse(written('json', fields))).toMatchObject({
    level: 'info',
    message: 'run failed',
    trace: 'abc',
    reason: fields.reason,
  })
})
