import { expect } from 'vitest'
import { asked } from '../asked.ts'
import { test } from './fire.ts'
import { functionNamed, functions, isReadyPod, killPod } from './pods.ts'
import { statusesOf } from './verdict.ts'

// Without these no run goes on.
const needed = [
  'gateway',
  'step-initialize-run',
  'step-start-run',
  'step-observe-worker',
  'step-finish-run',
]

test('the Pod of each function is killed, one after the other, again and again, during 100 runs, and each run is done once', async ({
  fire,
  pods,
  there: { namespace },
}) => {
  const load = await fire.load(100)
  const took = new Map<string, number[]>()
  do {
    const services = new Set((await pods.list(functions)).map(serviceOf))
    for (const service of services) {
      const selector = functionNamed(service)
      const before = await pods.list(selector)
      const [victim] = before.filter(isReadyPod)
      if (!victim) continue
      const since = performance.now()
      await killPod(namespace, victim.metadata?.name ?? '')
      // What scales to zero comes back when it is asked for.
      if (!isAlwaysThere(victim)) continue
      await pods.replaced(selector, [victim])
      took.set(service, [...(took.get(service) ?? []), (performance.now() - since) / 1000])
    }
  } while ((await asked(() => load.open())).length > 0)
  for (const [service, seconds] of took)
    fire.tell(`${service}, killed ${seconds.length} times, at the longest`, Math.max(...seconds))
  expect([...took.keys()]).toEqual(expect.arrayContaining(needed))
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

type Pod = { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> } }

const serviceOf = ({ metadata }: Pod): string =>
  metadata?.labels?.['app.kubernetes.io/component'] ?? ''

/** Of a Deployment, or of a Service of Knative that never scales to zero. */
const isAlwaysThere = ({ metadata }: Pod): boolean =>
  metadata?.labels?.['serving.knative.dev/service'] === undefined ||
  Number(metadata.annotations?.['autoscaling.knative.dev/min-scale'] ?? 0) > 0
