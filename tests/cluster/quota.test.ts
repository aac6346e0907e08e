import { expect } from 'vitest'
import { limit } from './elsewhere.ts'
import { test } from './installed.ts'

test.for([
  ['claims', 'persistentvolumeclaims', 'waiting'],
  ['Jobs', 'count/jobs.batch', 'ready'],
])(
  'a run for which a quota of %s leaves no room waits and says so, and begins when there is room',
  async (
    [, what = '', status],
    { work, knit, there: { namespace }, cluster: { core }, onTestFinished },
  ) => {
    const says =
      /exceeded quota: full, .*; it goes on when others have ended, or when an admin raises/
    let isThere = true
    const raise = async () => {
      if (isThere) await core.deleteNamespacedResourceQuota({ namespace, name: 'full' })
      isThere = false
    }
    onTestFinished(raise)
    await limit({ core, namespace }, { [what]: '0' })
    const runId = await work.start('echo late > /out/text')
    const waiting = await work.until(runId, ({ reason = '' }) => says.test(reason))
    expect(waiting.status).toBe(status)
    expect(await knit('run', 'show', '--output', 'table', runId)).toMatch(says)

    await raise()
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', attempt: 1 })
  },
)
