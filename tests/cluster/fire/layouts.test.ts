import { afterAll, beforeAll, expect } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import { installAnother } from '../another-release.ts'
import { installed, type Installed } from '../installation.ts'
import { knitIn } from '../installed.ts'
import { run } from '../phase.ts'
import { test } from './fire.ts'
import { startLoad } from './load.ts'
import { functionNamed, podsIn, postgres } from './pods.ts'
import { expectOnce, statusesOf } from './verdict.ts'
import { followReleased } from './workers.ts'

const first = installed()
const namespace = `${first.namespace}-fire`
const releases: Record<'per-data' | 'shared', Installed> = { 'per-data': first, shared: first }

/** Beside the release whose Data have a claim each, one whose Data share a claim. */
beforeAll(async () => {
  await run(['kubectl', 'create', 'namespace', namespace])
  const changes = { 'volumes.layout': 'shared', 'settings.lookInterval': '30' }
  releases.shared = { ...(await installAnother(first, namespace, changes)), layout: 'shared' }
})

afterAll(async () => {
  await run(['helm', 'uninstall', 'knitfab', '--ignore-not-found', '--namespace', namespace])
  await run(['kubectl', '-n', namespace, 'delete', 'pod', '--all', '--force'])
  await run(['kubectl', 'delete', 'namespace', namespace, '--timeout=180s'])
})

test.for(['per-data', 'shared'] as const)(
  'in the layout %s, 300 data are made on one node while PostgreSQL and functions are killed, and each is made once',
  { timeout: 60 * 60_000 },
  async (layout, { cluster, folder, signal }) => {
    const there = releases[layout]
    const released = await followReleased(there)
    const api = connectApi(there)
    const pods = podsIn(there.namespace)
    const loads = []
    for (let n = 0; n < 3; n += 1) loads.push(await startLoad({ api, there, folder }, 100))
    for (const part of ['step-finish-run', 'step-start-run', 'gateway'].map(functionNamed)) {
      for (const selector of [postgres, part]) {
        const before = await pods.list(selector)
        await pods.kill(selector)
        await pods.replaced(selector, before)
      }
    }
    const knit = await knitIn(folder, there, signal)
    for (const load of loads)
      expect(statusesOf(await expectOnce({ there, cluster, knit }, load, released))).toEqual([
        'done',
      ])
    await released.stop()
  },
)
