import { afterAll, beforeAll, expect } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import type { Layout } from '#tests/support/account-rights.ts'
import { installAnother } from '../another-release.ts'
import { installed, layouts, type Installed } from '../installation.ts'
import { knitIn } from '../installed.ts'
import { run } from '../phase.ts'
import { remove } from '../release.ts'
import { test } from './fire.ts'
import { startLoad } from './load.ts'
import { functionNamed, podsIn, postgres } from './pods.ts'
import { expectOnce, statusesOf } from './verdict.ts'
import { followReleased } from './workers.ts'

const first = installed()
const namespace = `${first.namespace}-fire`
const other: Layout = first.layout === 'shared' ? 'per-data' : 'shared'
const releases: Record<Layout, Installed> = { 'per-data': first, shared: first }

/** Beside the release of one layout, one of the other. */
beforeAll(async () => {
  await run(['kubectl', 'create', 'namespace', namespace])
  const changes = { 'volumes.layout': other, 'settings.lookInterval': '30' }
  releases[other] = await installAnother(first, namespace, changes)
}, 20 * 60_000)

afterAll(() => remove({}, namespace), 10 * 60_000)

test.for(layouts)(
  'in the layout %s, 300 data are made on one node while PostgreSQL and functions are killed, and each is made once',
  { timeout: 60 * 60_000 },
  async (layout, { fire, cluster, folder, signal, onTestFinished }) => {
    const there = releases[layout]
    const released = await followReleased(there)
    onTestFinished(() => released.stop())
    const api = connectApi(there)
    const pods = podsIn(there.namespace)
    const start = () => startLoad({ api, there, folder }, 100)
    const load = await start()
    const loads = [load, await start(), await start()]
    for (const part of ['step-finish-run', 'step-start-run', 'gateway']) {
      for (const [what, selector] of [
        ['PostgreSQL', postgres],
        [part, functionNamed(part)],
      ] as const) {
        const before = await pods.list(selector)
        await fire.strike(`${what} killed in the layout ${layout}`, load, async () => {
          expect(await pods.kill(selector)).toBeGreaterThan(0)
          await pods.replaced(selector, before)
        })
      }
    }
    const knit = await knitIn(folder, there, signal)
    for (const one of loads)
      expect(statusesOf(await expectOnce({ there, cluster, knit }, one, released))).toEqual([
        'done',
      ])
  },
)
