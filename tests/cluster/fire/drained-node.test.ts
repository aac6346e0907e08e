import { expect } from 'vitest'
import { run } from '../phase.ts'
import { test, untilRunning } from './fire.ts'
import { statusesOf } from './verdict.ts'

test('a node is drained of all that is ours: runs whose programs had to go are executed once more elsewhere, and each is done once', async ({
  fire,
  node: { name },
  onTestFinished,
}) => {
  const uncordon = () => run(['kubectl', 'uncordon', name])
  onTestFinished(async () => void (await uncordon()))
  const load = await fire.load(5, { seconds: 20 })
  await untilRunning(load)
  const ours = ['--pod-selector', 'app.kubernetes.io/part-of=knit']
  const all = ['--force', '--ignore-daemonsets', '--delete-emptydir-data', '--grace-period=5']
  await run(['kubectl', 'drain', name, ...ours, ...all, '--timeout=180s'])
  const since = performance.now()
  await uncordon()
  await fire.recovered('the node drained', load, since)
  const runs = await fire.expectOnce(load)
  expect(statusesOf(runs)).toEqual(['done'])
  const evicted = runs.filter(({ attempt = 1 }) => attempt > 1)
  expect(evicted.length).toBeGreaterThan(0)
  for (const { attempts } of evicted) expect(attempts?.[0]?.cause).toBe('machine')
})
