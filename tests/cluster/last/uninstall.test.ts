import { expect } from 'vitest'
import { installed, type Installed } from '../installation.ts'
import { test as base, tokenOf } from '../lifecycle.ts'
import { lasting, uninstall } from '../uninstall.ts'
import { accounts } from '../values.ts'
import { isRunning, workIn, type Work } from '../work.ts'

const test = base.extend<{ there: Installed; work: Work }>({
  // Tests before may have replaced the token.
  there: async ({}, use) => {
    const first = installed()
    await use({ ...first, token: await tokenOf(first.namespace) })
  },
  // Nobody is there afterwards who could be asked to end what goes on.
  work: async ({ folder, there, api, knit }, use) => use(workIn({ folder, there, api, knit })),
})

test('everything that must always hold holds after all that', async ({ knit }) => {
  await knit('admin', 'check')
})

test('an upgrade that asks the cluster first finds nothing wrong with what the release has made, and refuses what is not there', async ({
  helm,
}) => {
  const upgrade = (...values: string[]) => {
    const set = values.flatMap((value) => ['--set', value])
    return helm(
      'upgrade',
      'knitfab',
      'charts/knitfab',
      '--dry-run=server',
      '--reuse-values',
      ...set,
    )
  }
  const there = `workers.serviceAccounts={${accounts.guest}}`
  expect(await upgrade('preflight=true', there)).toContain('name: knitfab-settings')
  // Of the accounts that the tests name one is not there.
  await expect(upgrade('preflight=true')).rejects.toThrow('ended with 1')
})

test('when the release is uninstalled programs end as when they are stopped, and all data stays', async ({
  there,
  work,
}) => {
  const kept = await work.end(await work.start('echo kept > /out/text'))
  const going = await work.until(await work.start(lasting), isRunning)
  await uninstall(there, { kept, going })
})
