import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import type { Check } from '#shared/domain/check.ts'
import { knit, projectFor } from '../../testing.ts'

const holds: Check = { sentence: 'All is well.', state: 'holds', things: [] }
const violated: Check = { sentence: 'None is two.', state: 'violated', things: ['run 1', 'run 2'] }
const unknown: Check = { sentence: 'All is seen.', state: 'unknown', things: [], reason: 'fog' }

test('admin check ends well where everything holds', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [holds, holds] }))
  const { code, stdout, stderr } = await knit(['admin', 'check'], projectFor(stub))
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual([])
  expect(stderr).toContain('2 of 2 sentences hold\n')
  expect(stub.requests[0]?.url).toBe('/api/admin/check?patience=60')
})

test('admin check shows what is broken and by what, and fails', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [holds, violated, unknown] }))
  const words = ['admin', 'check', '--patience', '0', '--output', 'table']
  const { code, stdout, stderr } = await knit(words, projectFor(stub))
  expect(code).toBe(1)
  expect(stdout.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
    'STATE WHAT MUST HOLD BROKEN BY',
    'violated None is two. run 1, run 2',
    'unknown All is seen. fog',
    '',
  ])
  expect(stderr).toMatch(/1 of 3 sentences hold\nThe system is damaged: "None is two." does not/)
  expect(stub.requests[0]?.url).toBe('/api/admin/check?patience=0')
})

test('admin check fails where something could not be found out', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [holds, unknown] }))
  const { code, stdout, stderr } = await knit(['admin', 'check'], projectFor(stub))
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual([unknown])
  expect(stderr).toMatch(/could be checked just now\ntry: knit admin check\n$/)
})
