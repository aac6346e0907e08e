import { randomUUID } from 'node:crypto'
import { HTTP } from 'cloudevents'
import { beforeEach, expect } from 'vitest'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import { counted } from '#tests/support/scrape.ts'
import { deliver, test, tick, type TestWorld } from '#tests/support/world.ts'
import type { Context } from './context.ts'
import { defineClockStep, defineStep, GiveUp, type EventFor } from './define-step.ts'

let served: { event: EventFor<'start-run'>; ctx: Context }[] = []
let handle: () => void = () => {}
const step = defineStep('start-run', async (event, ctx) => {
  served.push({ event, ctx })
  handle()
})
const data = { runId: '00000000-0000-7000-8000-000000000001', attempt: 1 }

beforeEach(() => {
  served = []
  handle = () => {}
})

/** The request that would bring an event, changed on its way. */
function request(
  ctx: TestWorld,
  change: { headers?: Record<string, string>; body?: string; without?: string } = {},
): Request {
  const event = {
    id: randomUUID(),
    name: 'run.ready',
    subject: 's',
    data,
    time: new Date(),
  } as const
  const { headers, body } = HTTP.binary(toCloudEvent(event, 'test', ctx.config))
  const all = new Headers({ ...(headers as Record<string, string>), ...change.headers })
  if (change.without) all.delete(change.without)
  return new Request('http://steps.local/', {
    method: 'POST',
    headers: all,
    body: change.body ?? String(body),
  })
}

const send = (
  ctx: TestWorld,
  ...change: Parameters<typeof request> extends [TestWorld, ...infer R] ? R : never
) => step.app(ctx).fetch(request(ctx, ...change))

test('a signed event is served, with who acts and the trace it belongs to', async ({ ctx }) => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  expect((await send(ctx, { headers: { 'ce-traceparent': traceparent } })).status).toBe(202)
  expect(served).toHaveLength(1)
  expect(served[0]?.event).toEqual({ name: 'run.ready', data })
  expect(served[0]?.ctx.by).toEqual({
    actor: 'start-run',
    traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/),
  })
  expect(served[0]?.ctx.by.traceparent).not.toBe(traceparent)
})

test('an unsigned event is refused', async ({ ctx }) => {
  expect((await send(ctx, { without: 'ce-knitsignature' })).status).toBe(401)
  expect(served).toEqual([])
})

test.for([
  ['signed with another key', { signingKey: 'another key that is long enough, but wrong' }],
  ['of another release', { release: 'elsewhere' }],
] as const)('an event %s is refused', async ([, change], { ctx }) => {
  const foreign = { ...ctx, config: { ...ctx.config, ...change } }
  const response = await step.app(ctx).fetch(request(foreign))
  expect(response.status).toBe(401)
  expect(served).toEqual([])
})

test.for([
  ['its data', { body: JSON.stringify({ ...data, attempt: 2 }) }],
  ['its id', { headers: { 'ce-id': 'another' } }],
  ['its type', { headers: { 'ce-type': 'dev.knitfab.run.done' } }],
] as const)('an event with %s changed on the way is refused', async ([, change], { ctx }) => {
  expect((await send(ctx, change)).status).toBe(401)
  expect(served).toEqual([])
})

test('an event whose JSON was written anew on the way is served', async ({ ctx }) => {
  const body = JSON.stringify({ attempt: 1, runId: data.runId }, null, 2)
  expect((await send(ctx, { body })).status).toBe(202)
})

test.for([
  ['of a type nobody knows', { headers: { 'ce-type': 'com.example.thing' } }],
  ['of a type that is no name of ours', { headers: { 'ce-type': 'dev.knitfab.constructor' } }],
  ['whose body is no JSON', { body: '{' }],
  ['without a type', { without: 'ce-type' }],
  ['without an id', { without: 'ce-id' }],
] as const)('an event %s is refused with 422', async ([, change], { ctx }) => {
  expect((await send(ctx, change)).status).toBe(422)
  expect(served).toEqual([])
})

test('a request that is no event is refused with 422', async ({ ctx }) => {
  for (const init of [
    {},
    { body: '{"runId":"x"}', headers: { 'content-type': 'application/json' } },
  ]) {
    const plain = new Request('http://steps.local/', { method: 'POST', ...init })
    expect((await step.app(ctx).fetch(plain)).status).toBe(422)
  }
  expect(served).toEqual([])
})

test('an event larger than the cap is refused before it is read whole', async ({ ctx }) => {
  const body = JSON.stringify({ ...data, filler: 'x'.repeat(ctx.config.maxBodyBytes) })
  const response = await send(ctx, { body })
  expect(response.status).toBe(413)
  expect(await response.text()).toContain('maxBodyBytes')
  expect(served).toEqual([])
})

test('a batch of events is refused with 422', async ({ ctx }) => {
  const response = await step.app(ctx).fetch(
    new Request('http://steps.local/', {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: '[]',
    }),
  )
  expect(response.status).toBe(422)
})

test('a signed event whose data do not fit its schema is refused with 422', async ({ ctx }) => {
  for (const wrong of [{}, { runId: 'x', attempt: 1 }, { ...data, attempt: 0 }]) {
    const response = await deliver(step, ctx, 'run.ready', wrong as never)
    expect({ wrong, status: response.status }).toEqual({ wrong, status: 422 })
  }
  expect(served).toEqual([])
})

test('an event in structured form is served like one in binary form', async ({ ctx }) => {
  const event = { id: 'x', name: 'run.ready', subject: 's', data, time: new Date() } as const
  const { headers, body } = HTTP.structured(toCloudEvent(event, 'test', ctx.config))
  const init = { method: 'POST', headers: headers as Record<string, string>, body: String(body) }
  expect((await step.app(ctx).fetch(new Request('http://steps.local/', init))).status).toBe(202)
  expect(served[0]?.event.data).toEqual(data)
})

test.for([
  ['Error: a bug', new Error('a bug')],
  ['TypeError: fetch failed\ncaused by Error: ECONNREFUSED', refused()],
  [
    'The database does not answer just now; try again in a moment.\ncaused by Error: gone',
    Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' }),
  ],
] as const)(
  'a step that throws is given the event again, and answers in the words of %s',
  async ([words, error], { ctx }) => {
    handle = () => {
      throw error
    }
    const response = await send(ctx)
    expect(response.status).toBeGreaterThanOrEqual(500)
    expect(await response.text()).toBe(words)
  },
)

function refused(): Error {
  return new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })
}

test('the log says which event was not served, and of which trace', async ({ ctx }) => {
  handle = () => {
    throw new Error('a bug')
  }
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const headers = { 'ce-traceparent': `00-${trace}-b7ad6b7169203331-01` }
  const sent = request(ctx, { headers })
  const id = sent.headers.get('ce-id')
  await step.app(ctx).fetch(sent)
  const lines = ctx.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines).toContainEqual(
    expect.objectContaining({
      message: 'an event was not served',
      step: 'start-run',
      event: 'run.ready',
      id,
      subject: 's',
      trace,
      error: expect.stringContaining('a bug'),
    }),
  )
})

test('who brings a step no event of ours, or is the clock, is told nothing of its inside', async ({
  ctx,
}) => {
  const clock = defineClockStep('sweep', [() => Promise.reject(new Error('a bug'))])
  const response = await tick(clock, ctx)
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('a bug')
  expect(ctx.lines.join('')).toContain('a bug')
})

test('an event that a step gives up is not delivered again', async ({ ctx }) => {
  handle = () => {
    throw new GiveUp('the run has no plan')
  }
  const response = await send(ctx)
  expect(response.status).toBe(422)
  expect(await response.text()).toBe('the run has no plan')
})

test('a step of the clock believes nothing that arrives', async ({ ctx }) => {
  let ticks = 0
  const clock = defineClockStep('sweep', [async () => void (ticks += 1)])
  expect((await tick(clock, ctx)).status).toBe(202)
  const init = { method: 'POST', headers: { 'ce-type': 'x' }, body: '{' }
  expect((await clock.app(ctx).fetch(new Request('http://steps.local/', init))).status).toBe(202)
  expect(ticks).toBe(2)
})

test('a part of a step of the clock that fails keeps no other from being done, and is told', async ({
  ctx,
}) => {
  let done = 0
  const fails = () => Promise.reject(new Error('the cluster is away'))
  const clock = defineClockStep('sweep', [fails, async () => void (done += 1)])
  expect((await tick(clock, ctx)).status).toBe(500)
  expect(ctx.lines.join('')).toContain('the cluster is away')
  expect(done).toBe(1)
})

test('how events ended is counted', async ({ ctx }) => {
  await send(ctx)
  handle = () => {
    throw new Error('later, perhaps')
  }
  await send(ctx)
  await send(ctx)
  handle = () => {
    throw new GiveUp('never')
  }
  await send(ctx)
  await send(ctx, { without: 'ce-knitsignature' })
  const fails = defineClockStep('sweep', [() => Promise.reject(new Error('later, perhaps'))])
  await tick(fails, ctx)
  expect(await counted(ctx, 'knit_step_duration_seconds_count')).toEqual({
    'start-run served': 1,
    'start-run failed': 2,
    'start-run given-up': 1,
    'start-run refused': 1,
    'sweep failed': 1,
  })
})
