import { expect } from 'vitest'
import { test } from './installed.ts'
import { takeRole } from './take-role.ts'

test('a run whose step has lost its rights says so, and what an admin has to do, and goes on when he has', async ({
  work,
  knit,
  there: { namespace },
  cluster,
  onTestFinished,
}) => {
  const says =
    /start-run failed and will try again: .* is forbidden: User "system:serviceaccount:\S+:step-start-run" cannot get resource "jobs" .*; an admin has to give that account its rights back/
  const giveBack = await takeRole(cluster, { namespace, name: 'step-start-run' })
  onTestFinished(giveBack)
  const runId = await work.start('true')
  await work.until(runId, ({ reason = '' }) => says.test(reason))
  expect(await knit('run', 'show', '--output', 'table', runId)).toMatch(says)

  await giveBack()
  expect(await work.end(runId)).toMatchObject({ status: 'done' })
})
