import { expect } from 'vitest'
import { stepFunctions } from '../../../functions/functions.generated.ts'
import { run } from '../phase.ts'
import { test } from './fire.ts'
import { functionNamed, isReadyPod } from './pods.ts'
import { statusesOf } from './verdict.ts'

/** What is by itself all there may be of it says so; of all others there may be any number. */
const many = stepFunctions
  .filter(({ deploy: { minScale = 0, maxScale } }) => minScale > 0 && maxScale === undefined)
  .map(({ name }) => `step-${name}`)

test('four of each step at work at the same time start no worker twice', async ({
  fire,
  pods,
  there: { namespace },
  onTestFinished,
}) => {
  const scale = async (count: number) => {
    const annotations = { 'autoscaling.knative.dev/min-scale': String(count) }
    const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } })
    for (const service of many)
      await run(['kubectl', '-n', namespace, 'patch', 'ksvc', service, '--type=merge', '-p', patch])
    const services = many.map((service) => `ksvc/${service}`)
    const ready = ['--for=condition=Ready', '--timeout=300s']
    await run(['kubectl', '-n', namespace, 'wait', ...ready, ...services])
  }
  expect(many).toEqual(expect.arrayContaining(['step-start-run', 'step-sweep']))
  onTestFinished(() => scale(1))
  await scale(4)
  for (const service of many) {
    const ready = (await pods.list(functionNamed(service))).filter(isReadyPod)
    expect(ready.length, service).toBeGreaterThanOrEqual(4)
  }
  const load = await fire.load(100)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
