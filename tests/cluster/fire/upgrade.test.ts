import { expect } from 'vitest'
import { run } from '../phase.ts'
import { bad, keepAsking, reads } from './asking.ts'
import { test } from './fire.ts'
import { functions } from './pods.ts'
import { statusesOf } from './verdict.ts'

test('an upgrade, and its rollback, under load: functions of both releases work side by side, no run is lost, and nobody is told more than to come back', async ({
  fire,
  pods,
  there,
}) => {
  const { namespace, apiRoot } = there
  const helm = (...words: string[]) => run(['helm', ...words, '--namespace', namespace])
  const others = async () => {
    const all = await pods.list(functions)
    return new Set(all.map(({ spec }) => spec?.containers.at(0)?.image))
  }
  const before = await others()
  const asker = keepAsking(there, reads)
  const first = await fire.load(25)
  const port = `gateway.service.nodePort=${new URL(apiRoot).port}`
  const changed = ['--set', 'image.digest=', '--set', 'image.tag=latest', '--set', port]
  const patience = ['--wait', '--timeout', '10m']
  await helm('upgrade', 'knitfab', 'charts/knitfab', '--reuse-values', ...changed, ...patience)
  await untilReadyAgain(namespace)
  await fire.recovered('the upgrade', first)
  expect(await others()).not.toEqual(before)

  const second = await fire.load(25)
  await helm('rollback', 'knitfab', ...patience)
  await untilReadyAgain(namespace)
  await fire.recovered('the rollback', second)
  for (const load of [first, second])
    expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
  const answers = await asker.stop()
  console.log(Object.fromEntries(answers))
  expect(bad(answers)).toEqual([])
})

test('functions that are too old for the schema say so and wait, and go on with all runs when they fit', async ({
  fire,
  there: { namespace },
  knit,
  onTestFinished,
}) => {
  const psql = (statement: string) =>
    kubectlIn(namespace)('exec', 'statefulset/postgres', '--', ...asAdmin, statement)
  const later = '9001-later.sql'
  const goBack = () => psql(`delete from migration where name = '${later}'`)
  onTestFinished(async () => void (await goBack()))
  const load = await fire.load(5)
  await psql(`insert into migration (name, serves_from) values ('${later}', '${later}')`)
  await expect(
    (async () => {
      for (;;) await knit('run', 'find', '--planid', load.planId)
    })(),
  ).rejects.toMatchObject({
    details: expect.arrayContaining([
      expect.stringMatching(/which is for functions from 9001-later\.sql on/),
    ]),
  })
  await goBack()
  await fire.recovered('a schema of a later release', load)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

/** Waits for what Helm does not: until all of Knative's has Pods of the release. */
const untilReadyAgain = (namespace: string) => {
  const ready = ['--for=condition=Ready', '--timeout=300s', '--all']
  return kubectlIn(namespace)('wait', ...ready, 'ksvc,trigger,broker')
}

const kubectlIn =
  (namespace: string) =>
  (...words: string[]) =>
    run(['kubectl', '-n', namespace, ...words])

const asAdmin = ['psql', '--username', 'knit', '--command']
