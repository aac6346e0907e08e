import { expect } from 'vitest'
import { apiServer } from '#tests/support/api-server.ts'
import { until } from '#tests/support/until.ts'
import { test } from './installed.ts'
import { isRunning, outputOf, untilStopped } from './work.ts'

const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }

test('where Pods have to be restricted, none would be refused but the workers of users', async ({
  there: { namespace },
  work,
}) => {
  const ask = await apiServer()
  /** The Pods, as Kubernetes calls them, that there are and would be refused. */
  const refused = async () => {
    const { status, warnings } = await ask({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}?dryRun=All`,
      type: 'application/merge-patch+json',
      body: JSON.stringify({ metadata: { labels } }),
    })
    expect(status).toBe(200)
    return warnings
      .map((warning) => warning.replace(/^299 \S+ "/, ''))
      .filter((warning) => !warning.startsWith('existing pods in namespace'))
  }
  const done = await work.end(await work.start('true'))
  // Its agent is one of the Pods.
  await work.pull(outputOf(done))
  await until(async () => (await refused()).every((warning) => !warning.startsWith('worker-run-')))
  expect(await refused()).toEqual([])

  const { runId } = await work.until(await work.start(untilStopped), isRunning)
  expect(await refused()).toEqual([expect.stringMatching(`^worker-run-${runId}-1-[a-z0-9]+: `)])
})
