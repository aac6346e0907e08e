import { expect } from 'vitest'
import { test } from './installed.ts'
import { run as execute } from './phase.ts'

/** Begins a request to what stands before the function in its own Pod, and says what it is answered before that ends. */
const begin = `
require('node:http')
  .request({ port: 8012, method: 'POST', path: '/absent' })
  .once('response', (answer) => answer.resume().once('close', () => {
    console.log(answer.statusCode, answer.complete ? 'whole' : 'broken off')
    process.exit()
  }))
  .write('{')`

test('what Knative puts before a function passes on an answer to a request that has not ended', async ({
  cluster: { core },
  there: { namespace },
}) => {
  const labelSelector = 'serving.knative.dev/service=step-start-run'
  const { items } = await core.listNamespacedPod({ namespace, labelSelector })
  const pod = items.find(({ metadata }) => !metadata?.deletionTimestamp)?.metadata?.name ?? ''
  const inPod = ['exec', pod, '--container', 'function', '--', '/usr/local/bin/node', '--eval']
  expect(await execute(['kubectl', '-n', namespace, ...inPod, begin])).toBe('404 whole')
})
