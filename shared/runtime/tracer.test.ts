import { expect, test } from 'vitest'
import { parseTraceparent } from '#shared/contracts/trace.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { createTracer, during, endAnswered } from './tracer.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const parent = `00-${trace}-b7ad6b7169203331-01`
const unsampled = `00-${trace}-b7ad6b7169203331-00`

test('a span says what it was, what it followed, what it was about, and how long it took', () => {
  const { tracer, spans } = keptSpans()
  const attributes = { 'knit.step': 'start-run' }
  const span = tracer.start('work', {
    kind: 'consumer',
    parent,
    links: [parent, unsampled],
    attributes,
    since: performance.now() - 1000,
  })
  span.note({ 'knit.run.attempt': 2 })
  span.end()
  expect(spans).toEqual([
    {
      name: 'work',
      kind: 'consumer',
      traceparent: span.traceparent,
      parent,
      links: [parent],
      attributes: { 'knit.step': 'start-run', 'knit.run.attempt': 2 },
      start: expect.any(Number),
      end: expect.any(Number),
      error: undefined,
    },
  ])
  expect(parseTraceparent(span.traceparent)).toMatchObject({ trace, flags: '01' })
  const [{ start, end } = { start: 0, end: 0 }] = spans
  expect(end - start).toBeGreaterThanOrEqual(1000)
})

test('what somebody else has timed is told by his times', () => {
  const { tracer, spans } = keptSpans()
  const from = new Date('2026-11-05T09:00:00.000Z')
  const at = new Date('2026-11-05T09:00:01.500Z')
  tracer.start('program', { as: parent, from }).end('it failed', at)
  expect(spans).toMatchObject([
    { traceparent: parent, start: from.getTime(), end: at.getTime(), error: 'it failed' },
  ])
})

test('whether a trace is recorded is for who began it to say', () => {
  const { tracer, spans } = keptSpans()
  const span = tracer.start('work', { parent: unsampled, begins: true })
  expect(span.isRecorded).toBe(false)
  expect(span.traceparent.slice(0, 35)).toBe(unsampled.slice(0, 35))
  expect(span.traceparent).toMatch(/-00$/)
  span.end('it failed')
  expect(spans).toEqual([])
})

test.for([undefined, 'nonsense'])(
  'what follows %j is recorded only where traces begin',
  (malformed) => {
    const { tracer, spans } = keptSpans()
    tracer.start('woken by a clock', { parent: malformed }).end()
    tracer.start('asked for', { parent: malformed, begins: true }).end()
    expect(spans).toMatchObject([{ name: 'asked for', parent: undefined }])
  },
)

test('of the traces that begin here, the share that was asked for is recorded', () => {
  const sink = { take: () => {}, close: async () => {} }
  const isRecorded = (share: number) =>
    createTracer(sink, share).start('work', { begins: true }).isRecorded
  expect(isRecorded(0)).toBe(false)
  expect(isRecorded(1)).toBe(true)
})

test('a quiet span is recorded when something follows it, or it fails', () => {
  const { tracer, spans } = keptSpans()
  const quiet = (name: string) => tracer.start(name, { parent, quiet: true })
  quiet('nothing').end()
  const followed = quiet('followed')
  followed.need()
  followed.end()
  const failed = quiet('failed')
  failed.fail(new Error('on the way'))
  failed.end()
  quiet('broken').end(new Error('at the end'))
  expect(spans.map(({ name, error }) => [name, error])).toEqual([
    ['followed', undefined],
    ['failed', 'on the way'],
    ['broken', 'at the end'],
  ])
})

test('work under a span ends it, and as it ends itself', async () => {
  const { tracer, spans } = keptSpans()
  expect(await during(tracer.start('good', { parent }), async () => 'result')).toBe('result')
  const broken = during(tracer.start('bad', { parent }), async () => {
    throw new Error('as asked')
  })
  await expect(broken).rejects.toThrow('as asked')
  expect(spans).toMatchObject([
    { name: 'good', error: undefined },
    { name: 'bad', error: 'as asked' },
  ])
})

test('a request that the caller got wrong is no failure', () => {
  const { tracer, spans } = keptSpans()
  for (const status of [200, 404, 503]) endAnswered(tracer.start('asked', { parent }), status)
  expect(spans.map(({ error }) => error)).toEqual([undefined, undefined, 'it was answered 503'])
})

test('without anywhere to send spans to nothing is recorded, and traces go on', () => {
  const span = createTracer().start('work', { parent, begins: true })
  expect(span.isRecorded).toBe(false)
  expect(parseTraceparent(span.traceparent)).toMatchObject({ trace, flags: '01' })
  span.end('it failed')
})
