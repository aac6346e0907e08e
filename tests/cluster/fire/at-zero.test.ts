import { expect } from 'vitest'
import { runs } from '#shared/contracts/runs.ts'
import { run } from '../phase.ts'
import { asked } from '../asked.ts'
import { test, untilRunning } from './fire.ts'
import { statusesOf } from './verdict.ts'

test('a release whose Deployments and database are scaled to zero, and back, goes on where it was', async ({
  fire,
  there: { namespace },
  api,
  onTestFinished,
}) => {
  const kubectl = (...words: string[]) => run(['kubectl', '-n', namespace, ...words])
  // Those of Knative scale themselves.
  const ours = [
    'deployment',
    '--selector',
    'app.kubernetes.io/part-of=knit,knitfab.dev/kind=function,!serving.knative.dev/service',
  ]
  const scale = async (replicas: number) => {
    await kubectl('scale', '--replicas', String(replicas), 'statefulset/postgres')
    await kubectl('scale', '--replicas', String(replicas), ...ours)
  }
  onTestFinished(() => scale(1))
  const load = await fire.load(25)
  await untilRunning(load)
  await scale(0)
  for (const service of ['gateway', 'postgres'])
    await asked(async () => {
      const left = await kubectl('get', 'endpoints', service, '-o', 'jsonpath={.subsets}')
      return left === '' || undefined
    })
  await expect(api.call(runs.find, {})).rejects.toThrow()
  const since = performance.now()
  await scale(1)
  await fire.recovered('scaled to zero', load, since)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
