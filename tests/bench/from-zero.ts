import { PatchStrategy } from '@kubernetes/client-node'
import type { RunHistory } from '#shared/domain/run-history.ts'
import { untilIdle, untilJob } from './cluster-runs.ts'
import { waitingFor, type Bench } from './harness.ts'
import type { Installation } from './installation.ts'

// Each waits until Knative has stopped what nobody asks for.
const rounds = 3
const services = ['match-data', 'project-runs', 'initialize-run', 'start-run'].map(
  (step) => `step-${step}`,
)
const annotation = 'autoscaling.knative.dev/'

/** The time until the Job when all functions on the way to it have to be started, which the chart does not let happen. */
export async function fromZero(
  bench: Bench,
  there: Installation,
  push: () => Promise<RunHistory | undefined>,
): Promise<number[]> {
  const warm = { 'min-scale': '1', window: null }
  bench.onEnd(() => scale(there, warm))
  await scale(there, { 'min-scale': '0', window: '6s' })
  const took: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    await untilIdle(there)
    await untilStopped(there)
    const history = await push()
    if (history) took.push(untilJob(history))
    bench.say(`from zero, ${round} of ${rounds}: ${took.at(-1)} ms`)
  }
  return took
}

/** Changes how far the services are scaled, and waits until they are ready so. */
async function scale(
  { objects, namespace, kubectl }: Installation,
  values: Record<string, string | null>,
): Promise<void> {
  const annotations = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${annotation}${name}`, value]),
  )
  for (const name of services) {
    const patch = {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { template: { metadata: { annotations } } },
    }
    await objects.patch(patch, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch)
  }
  const all = services.map((name) => `ksvc/${name}`)
  await kubectl('wait', '--for=condition=Ready', '--timeout=180s', ...all)
}

async function untilStopped({ kubernetes: { core }, namespace }: Installation): Promise<void> {
  const pause = waitingFor(`Knative to stop ${services.join(', ')}`)
  const labelSelector = `serving.knative.dev/service in (${services.join(',')})`
  for (;;) {
    const { items } = await core.listNamespacedPod({ namespace, labelSelector })
    if (items.length === 0) return
    await pause(500, `there are ${items.map(({ metadata }) => metadata?.name).join(', ')}`)
  }
}
