import { expect } from 'vitest'
import { data } from '#shared/contracts/data.ts'
import { selectorOf } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { until } from '#tests/support/until.ts'
import type { DemoFailed } from '../../demo/stage.ts'
import { asked } from '../asked.ts'
import { lookOften } from '../look-often.ts'
import { run } from '../phase.ts'
import { expectServed, reads } from './asking.ts'
import { test, untilRunning } from './fire.ts'
import { materialTag } from './load.ts'
import { functions, isReadyPod, type Pods } from './pods.ts'
import { statusesOf } from './verdict.ts'

test(
  'an upgrade, and its rollback, under load: functions of both releases work side by side, no run is lost, and nobody is told more than to come back',
  { timeout: 60 * 60_000 },
  async ({ fire, pods, there, api, onTestFinished }) => {
    const { namespace, apiRoot } = there
    const helm = (...words: string[]) => run(['helm', ...words, '--namespace', namespace])
    const patience = ['--wait', '--timeout', '10m']
    const { version } = JSON.parse(await helm('status', 'knitfab', '--output', 'json'))
    // Who was interrupted leaves a release that takes no upgrade.
    onTestFinished(async () => {
      const { info } = JSON.parse(await helm('status', 'knitfab', '--output', 'json'))
      if (info.status !== 'deployed') await helm('rollback', 'knitfab', `${version}`, ...patience)
    }, 15 * 60_000)
    const first = await fire.load(25)
    const [material] = await api.call(data.find, { tag: [materialTag] })
    const tagging = {
      method: 'PUT',
      path: `/data/${material?.knitId}`,
      body: { add: ['asked:again'] },
    } as const
    const asker = fire.ask([...reads, tagging])

    const before = await revisionsIn(namespace)
    const port = `gateway.service.nodePort=${new URL(apiRoot).port}`
    // What `fire.ts` has set of one function, an upgrade sets back.
    const looks = 'settings.lookInterval=30'
    const changed = ['image.digest=', 'image.tag=latest', port, looks].flatMap((value) => [
      '--set',
      value,
    ])
    const start = performance.now()
    await Promise.all([
      untilTogether(pods, before),
      helm('upgrade', 'knitfab', 'charts/knitfab', '--reuse-values', ...changed, ...patience),
    ])
    await untilReadyAgain(namespace)
    fire.tell('the upgrade, until all is new', (performance.now() - start) / 1000)
    const after = await revisionsIn(namespace)
    expect(after).toHaveLength(before.length)
    expect(after.filter((revision) => before.includes(revision))).toEqual([])
    await fire.recovered('the upgrade', first)

    const second = await fire.load(25)
    await Promise.all([untilTogether(pods, after), helm('rollback', 'knitfab', ...patience)])
    await untilReadyAgain(namespace)
    await lookOften(namespace, 30)
    await fire.recovered('the rollback', second)
    for (const load of [first, second])
      expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
    const answers = await asker.stop()
    console.log(Object.fromEntries(answers))
    expectServed(answers)
    expect(answers.get('PUT 200')).toBeGreaterThan(0)
  },
)

test('functions that are too old for the schema say so and wait, and go on with all runs when they fit', async ({
  fire,
  there: { namespace },
  knit,
  pods,
  onTestFinished,
}) => {
  const psql = (statement: string) =>
    kubectlIn(namespace)('exec', 'statefulset/postgres', '--', ...asAdmin, statement)
  const later = '9001-later.sql'
  const goBack = () => psql(`delete from migration where name = '${later}'`)
  onTestFinished(async () => void (await goBack()))
  const load = await fire.load(5, { seconds: 10 })
  await untilRunning(load)
  await psql(`insert into migration (name, serves_from) values ('${later}', '${later}')`)
  await until(async () => {
    const told = await knit('run', 'find', '--planid', load.planId).then(
      () => [],
      (error: DemoFailed) => error.details,
    )
    return told.some((line) => /which is for functions from 9001-later\.sql on/.test(line))
  })
  await asked(async () => {
    const programs = await pods.list(selectorOf('worker', { plan: load.planId }))
    const phases = programs.map(({ status }) => status?.phase)
    return phases.length > 0 && phases.every((phase) => phase === 'Succeeded')
  })
  const ended = `select count(*) from run where plan_id = '${load.planId}' and status in ('done', 'failed')`
  expect(await psql(ended)).toBe('0')
  const since = performance.now()
  await goBack()
  await fire.recovered('a schema of a later release', load, since)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

/** Which revision of each Service of Knative serves. */
async function revisionsIn(namespace: string): Promise<string[]> {
  const path = 'jsonpath={.items[*].status.latestReadyRevisionName}'
  return (await kubectlIn(namespace)('get', 'ksvc', '--output', path)).split(' ')
}

/** Waits until functions of some revisions, and of others, are ready at the same time. */
const untilTogether = (pods: Pods, old: readonly string[]) =>
  asked(
    async () => {
      const ready = (await pods.list(functions)).filter(isReadyPod)
      const revisions = ready.flatMap(
        ({ metadata }) => metadata?.labels?.['serving.knative.dev/revision'] ?? [],
      )
      const isOld = (revision: string) => old.includes(revision)
      return revisions.some(isOld) && !revisions.every(isOld)
    },
    { patience: 10 * 60_000 },
  )

/** Waits for what Helm does not: until all of Knative's has Pods of the release. */
const untilReadyAgain = (namespace: string) => {
  const ready = ['--for=condition=Ready', '--timeout=300s', '--all']
  return kubectlIn(namespace)('wait', ...ready, 'ksvc,trigger,broker')
}

const kubectlIn =
  (namespace: string) =>
  (...words: string[]) =>
    run(['kubectl', '-n', namespace, ...words])

const asAdmin = ['psql', '--username', 'knit', '--tuples-only', '--no-align', '--command']
