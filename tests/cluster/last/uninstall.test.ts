import { installed, type Installed } from '../installation.ts'
import { test as base, tokenOf } from '../lifecycle.ts'
import { lasting, uninstall } from '../uninstall.ts'
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

test('when the release is uninstalled programs end as when they are stopped, and all data stays', async ({
  there,
  work,
}) => {
  const kept = await work.end(await work.start('echo kept > /out/text'))
  const going = await work.until(await work.start(lasting), isRunning)
  await uninstall(there, { kept, going })
})
