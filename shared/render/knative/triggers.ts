import { eventType } from '#shared/contracts/events.ts'
import { workerChangePrefix } from '#shared/contracts/worker-change.ts'
import { clockSteps, triggers as table, type EventStep } from '#shared/workflow/triggers.ts'
import { filled, filledBlock, filledKeys, type Manifest } from './helm.ts'

const labels = filledKeys('include "knitfab.labels" (list $ "events")')

const sinkOf = (service: string) => ({
  ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: service },
})

/** The brokers by what they carry: our own events, and changes of workers, with which nobody else is to be troubled. */
const brokers = {
  step: filled('.Values.broker.name | quote'),
  workers: filled('.Values.broker.workers | quote'),
}

const updated = `${workerChangePrefix}ref.update`
const deleted = `${workerChangePrefix}ref.delete`

/**
 * The changes of Jobs and Pods that can matter to a step: for each Run there are more than a dozen. What is new has nothing to tell
 * yet, and a worker has gone when its Job has.
 */
const workerChanges = {
  'observe-worker': [{ exact: { type: updated } }, { exact: { type: deleted } }],
  'finish-run': [{ exact: { type: deleted, kind: 'Job' } }],
} satisfies Record<WokenByWorkers, object[]>

/** The steps of the table that changes of workers wake. */
type WokenByWorkers = {
  [S in EventStep]: 'worker.changed' extends (typeof table)[S][number] ? S : never
}[EventStep]

/** Who is woken by what: a Trigger for each step, and one more for those that changes of workers wake. */
export const eventTriggers = (): Manifest[] => [
  ...Object.entries(table).map(([step, names]) =>
    trigger(
      'step',
      step,
      names
        .filter((name) => name !== 'worker.changed')
        .map((name) => ({ exact: { type: eventType(name) } })),
    ),
  ),
  ...Object.entries(workerChanges).map(([step, changes]) => trigger('workers', step, changes)),
]

/** A Trigger with its filter, its retries and where events go that no delivery helped. */
const trigger = (by: keyof typeof brokers, step: string, any: object[]): Manifest => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { name: `${by}-${step}`, labels },
  spec: {
    broker: brokers[by],
    filters: [{ any }],
    subscriber: sinkOf(`step-${step}`),
    delivery: filledBlock('include "knitfab.delivery" $'),
  },
})

/** What wakes steps from outside: changes of our Jobs and Pods, as events that are hints, and the clock. */
export const sources = (): Manifest[] => [
  {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'ApiServerSource',
    metadata: { name: 'workers', labels },
    spec: {
      serviceAccountName: 'worker-events',
      mode: 'Reference',
      resources: [
        { apiVersion: 'batch/v1', kind: 'Job', selector: ofWorkers },
        { apiVersion: 'v1', kind: 'Pod', selector: ofWorkers },
      ],
      sink: {
        ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: brokers.workers },
      },
    },
  },
  ...clockSteps.map((step) => ({
    apiVersion: 'sources.knative.dev/v1',
    kind: 'PingSource',
    metadata: { name: `clock-${step}`, labels },
    spec: {
      schedule: filled(`.Values.clock.${step === 'sweep' ? 'sweep' : 'cleanUp'} | quote`),
      contentType: 'application/json',
      data: '{}',
      sink: sinkOf(`step-${step}`),
    },
  })),
]

const ofWorkers = {
  matchLabels: { 'app.kubernetes.io/name': 'worker', 'app.kubernetes.io/managed-by': 'knit' },
}
