import { expect, test } from 'vitest'
import { parseTraceparent } from '#shared/contracts/trace.ts'
import { followTrace, traceId } from './trace.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const parent = `00-${trace}-b7ad6b7169203331-01`

test('a span that follows another belongs to the same trace and has an id of its own', () => {
  const next = parseTraceparent(followTrace(parent))
  expect(next).toMatchObject({ trace, flags: '01' })
  expect(next?.span).not.toBe('b7ad6b7169203331')
  expect(traceId(followTrace(parent))).toBe(trace)
})

test('whether a trace is sampled is passed on', () => {
  expect(parseTraceparent(followTrace(`00-${trace}-b7ad6b7169203331-00`))?.flags).toBe('00')
})

test.for([
  undefined,
  '',
  'nonsense',
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-${trace}-${'0'.repeat(16)}-01`,
  `00-${trace.toUpperCase()}-b7ad6b7169203331-01`,
  `${parent}\n`,
  `${parent}-more`,
  `ff-${trace}-b7ad6b7169203331-01`,
])('the parent %j is none, and a new trace begins', (text) => {
  const next = followTrace(text)
  expect(parseTraceparent(next)).toBeDefined()
  expect(traceId(next)).not.toBe(trace)
  expect(traceId(next)).not.toBe(traceId(followTrace(text)))
})
