import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLog } from './log.ts'
import { openTracer } from './open-tracer.ts'
import { otlpReceiver } from '#tests/support/otlp-receiver.ts'

const fn = { name: 'step-start-run', release: 'here' }
const trace = '0af7651916cd43dd8448eb211c80319c'
const parent = `00-${trace}-b7ad6b7169203331-01`

/** A tracer by the variables given, which what sends spans reads from the environment itself. */
function open(env: Record<string, string>) {
  const lines: string[] = []
  const log = createLog({ format: 'json', level: 'debug', write: (line) => lines.push(line) })
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
  return { tracer: openTracer(env, fn, log), lines }
}

test('what was recorded is sent when the tracer is closed, with who recorded it', async () => {
  const { url, spans } = await otlpReceiver()
  const { tracer, lines } = open({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/anywhere` })
  const link = `00-${trace}-00f067aa0ba902b7-01`
  const attributes = { text: 'a', number: 3 }
  const span = tracer.start('work', { kind: 'client', parent, links: [link], attributes })
  span.end(new Error('as asked'))
  await tracer.close()
  expect(spans).toEqual([
    {
      service: 'step-start-run',
      trace,
      id: span.traceparent.slice(36, 52),
      parent: 'b7ad6b7169203331',
      name: 'work',
      kind: 3,
      start: expect.any(Number),
      end: expect.any(Number),
      attributes,
      links: [`${trace} 00f067aa0ba902b7`],
      error: 'as asked',
    },
  ])
  expect(lines).toEqual([])
})

test.for<Record<string, string>>([{}, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }])(
  'with %j nothing is recorded',
  (env) => {
    expect(open(env).tracer.isOn).toBe(false)
  },
)

test('who switches OpenTelemetry off has it off', async () => {
  const { url, requests } = await otlpReceiver()
  const { tracer } = open({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'true' })
  tracer.start('work', { begins: true }).end()
  await tracer.close()
  expect(tracer.isOn).toBe(false)
  expect(requests).toEqual([])
})

test.for([
  ['parentbased_always_off', undefined, false],
  ['parentbased_always_on', undefined, true],
  ['parentbased_traceidratio', '0', false],
  ['parentbased_traceidratio', '1', true],
] as const)('with the sampler %s %s what begins here is recorded: %s', async ([name, arg, is]) => {
  const { url } = await otlpReceiver()
  const { tracer } = open({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_TRACES_SAMPLER: name,
    ...(arg && { OTEL_TRACES_SAMPLER_ARG: arg }),
  })
  expect(tracer.start('work', { begins: true }).isRecorded).toBe(is)
  expect(tracer.start('work', { parent, begins: true }).isRecorded).toBe(true)
  await tracer.close()
})

test.for([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: expected an'],
  [{ OTEL_TRACES_SAMPLER: 'sometimes' }, 'OTEL_TRACES_SAMPLER: expected parentbased_always_on,'],
  [
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
    'OTEL_TRACES_SAMPLER_ARG between 0 and 1',
  ],
] as const)('%j is refused, with what is expected', ([env, words]) => {
  expect(() => open({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', ...env })).toThrow(words)
})

test('a collector that is away is told of once, and one that never answers is not waited for', async () => {
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  onTestFinished(() => void mute.close())
  const { port } = mute.address() as AddressInfo
  for (const url of ['http://127.0.0.1:1', `http://127.0.0.1:${port}`]) {
    const { tracer, lines } = open({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_TIMEOUT: '50',
    })
    // More than there is room for.
    for (let i = 0; i < 5000; i += 1) tracer.start('work', { begins: true }).end()
    await tracer.close()
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({
        level: 'warn',
        message: expect.stringContaining('traces could not be sent'),
      }),
    ])
  }
})
