import { expect } from 'vitest'
import { admin } from '#shared/contracts/admin.ts'
import { isDeployment } from '#shared/render/knative/deployed.ts'
import { clockSteps } from '#shared/workflow/triggers.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { until } from '#tests/support/until.ts'
import { functions } from './functions.ts'
import { test } from './installed.ts'
import { outputOf } from './work.ts'

const ofClock = clockSteps.map((step) => `step-${step}`)

/** What asks for no instance that is always there, and is not woken by the clock all the time. */
const mayGo = functions
  .filter((fn) => !isDeployment(fn) && !fn.deploy.minScale && !ofClock.includes(fn.service))
  .map(({ service }) => service)

test('with nothing to do functions have no Pods, and requests and events bring back those they need', async ({
  cluster: { core },
  there: { namespace },
  work,
  api,
  knit,
}) => {
  const awake = async () => {
    const labelSelector = 'serving.knative.dev/service'
    const { items } = await core.listNamespacedPod({ namespace, labelSelector })
    const services = items.map(({ metadata }) => metadata?.labels?.[labelSelector] ?? '')
    return services.filter((service) => mayGo.includes(service))
  }
  const needed = ['api-plans-apply', 'api-runs-delete', 'step-call-hooks', 'step-collect-garbage']
  expect(mayGo).toEqual(expect.arrayContaining(needed))
  await until(async () => (await awake()).length === 0)

  const runId = await work.start('echo awake > /out/text')
  const run = await work.end(runId)
  expect(run).toMatchObject({ status: 'done' })
  expect(await work.pull(outputOf(run))).toEqual({ text: 'awake\n' })
  await until(async () => {
    const calls = await api.call(admin.hooks, {})
    return calls.some((call) => call.runId === runId && call.status === 'done' && call.deliveredAt)
  })

  await knit('run', 'rm', runId)
  await until(async () => {
    const { items } = await core.listNamespacedPersistentVolumeClaim({ namespace })
    return !items.some(({ metadata }) => metadata?.name === volumeOf(outputOf(run)))
  })
})
