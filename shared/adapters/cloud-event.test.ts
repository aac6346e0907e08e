import type { CloudEventV1 } from 'cloudevents'
import { expect, test } from 'vitest'
import { Problem } from '#shared/contracts/problems.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { fromCloudEvent, toCloudEvent } from './cloud-event.ts'

const signer = { release: 'mine', signingKey: 'a key for tests that is long enough to be one' }
const runId = '00000000-0000-7000-8000-000000000001'
const event: KnitEvent = {
  id: 'b3a1',
  name: 'run.ready',
  subject: runId,
  data: { runId, attempt: 2 },
  time: new Date('2026-01-02T03:04:05.678Z'),
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
}

const codeOf = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return error instanceof Problem ? error.code : error
  }
}

test('an event travels as a CloudEvent of our type, source and subject', () => {
  expect(toCloudEvent(event, 'start-run', signer)).toMatchObject({
    specversion: '1.0',
    id: 'b3a1',
    type: 'dev.knitfab.run.ready',
    source: '/mine/start-run',
    subject: runId,
    time: '2026-01-02T03:04:05.678Z',
    datacontenttype: 'application/json',
    data: { runId, attempt: 2 },
    traceparent: event.traceparent,
  })
})

test('an event that arrives is the one that was sent', () => {
  expect(fromCloudEvent(toCloudEvent(event, 'start-run', signer), signer)).toEqual(event)
})

test('an event without a trace, or with a malformed one, arrives without one', () => {
  for (const traceparent of [undefined, 'nonsense']) {
    const arrived = toCloudEvent({ ...event, traceparent }, 'start-run', signer)
    expect(fromCloudEvent(arrived, signer).traceparent).toBeUndefined()
  }
})

test('what a step acts on cannot be changed on the way: id, type, data, release', () => {
  const sent = toCloudEvent(event, 'start-run', signer)
  const changes: Partial<CloudEventV1<unknown>>[] = [
    { id: 'other' },
    { type: 'dev.knitfab.run.starting' },
    { data: { runId, attempt: 3 } },
    { data: { runId, attempt: 2, more: true } },
    { data: {} },
    { knitsignature: '' },
    { knitsignature: 'x'.repeat(43) },
    { knitsignature: undefined },
  ]
  for (const change of changes) {
    const changed = { ...sent.toJSON(), ...change } as CloudEventV1<unknown>
    expect(codeOf(() => fromCloudEvent(changed, signer))).toBe('unauthorized')
  }
  expect(codeOf(() => fromCloudEvent(sent, { ...signer, release: 'other' }))).toBe('unauthorized')
})

test('an event of a type nobody knows is refused before anything else', () => {
  const sent = toCloudEvent(event, 'start-run', signer).cloneWith({ type: 'dev.knitfab.toString' })
  expect(codeOf(() => fromCloudEvent(sent, signer))).toBe('event-refused')
})

test('a change of a Job or Pod in the cluster wakes whoever serves its worker, and says nothing more', () => {
  const worker = `worker-run-${runId}-2`
  const change = (subject: string): CloudEventV1<unknown> => ({
    specversion: '1.0',
    id: 'c1',
    type: 'dev.knative.apiserver.ref.update',
    source: 'https://10.96.0.1:443',
    subject,
    data: { kind: 'Job', worker: 'another', runId },
  })
  const jobs = '/apis/batch/v1/namespaces/mine/jobs'
  const pods = '/apis/v1/namespaces/mine/pods'
  for (const subject of [`${jobs}/${worker}`, `${pods}/${worker}-x7k2p`])
    expect(fromCloudEvent(change(subject), signer)).toMatchObject({
      name: 'worker.changed',
      subject: worker,
      data: { worker },
    })
  for (const subject of [
    '',
    `${jobs}/other`,
    `${pods}/${worker}-x7k2p-more`,
    `${jobs}/${worker}/status`,
  ])
    expect(codeOf(() => fromCloudEvent(change(subject), signer))).toBe('event-refused')
})
