import { describe, expect, vi } from 'vitest'
import { TOOLS } from '#shared/adapters/local-cluster/private-folders.ts'
import { programUser } from '#shared/adapters/local-cluster/program-user.ts'
import { requireProgram } from '#shared/adapters/local-cluster/program.ts'
import { buildView } from '#shared/adapters/local-cluster/view.ts'
import type { FileGate } from '#tests/support/gate/gated-files.ts'
import { test as base } from '#tests/support/world.ts'
import { disturbances, disturbed, undisturbed } from './disturb-files.ts'
import { fileScenarios } from './file-scenarios.ts'
import { FileHome } from './file-world.ts'

vi.mock('node:fs', async (original) => behindGate(await original()))
vi.mock('node:fs/promises', async (original) => behindGate(await original()))

const { behindGate, throughGate } = await vi.hoisted(
  () => import('#tests/support/gate/gated-files.ts'),
)

// Some of them wait for a hundred programs.
vi.setConfig({ testTimeout: 120_000 })

const test = base.extend<{ home: FileHome }>({
  home: [
    async ({}, use) => {
      const home = await FileHome.open()
      await use(home)
      await home.remove()
    },
    { scope: 'file' },
  ],
})

const scenarios = Object.entries(fileScenarios)

describe.each(scenarios)('%s, whatever fails at any call to the files of a home', (_, ofOne) => {
  test.for(ofOne.map((scenario) => [scenario.of, scenario] as const))(
    'leads to where it would have: %s',
    async ([, scenario], { database, home }) => {
      const { calls, right } = await undisturbed(database, home, scenario)
      expect(calls).not.toEqual([])
      expect(right).toMatchObject({ broken: [], damaged: [], strays: [] })
      expect(right.status).toBeLessThan(300)
      for (const disturbance of disturbances(calls)) {
        const { what, ...outcome } = await disturbed(database, home, scenario, disturbance)
        expect({ what, ...outcome }).toEqual({ what, ...right })
      }
    },
  )
})

test('what cannot be read of this machine is not taken for what is not there', async () => {
  const look = async () => {
    const volumes = [{ source: '/var/tmp', target: '/in', writable: false }]
    const view = buildView({
      base: '/',
      volumes,
      files: [],
      hide: ['/home'],
      show: [],
      folders: [],
    })
    requireProgram({ view, user: programUser() }, 'sh', TOOLS, '/')
  }
  const calls: string[] = []
  await throughGate((call) => void calls.push(`${call.name} ${String(call.arguments[0])}`), look)
  expect(calls).not.toEqual([])
  const passedOver: string[] = []
  for (const at of calls.keys()) {
    let passed = 0
    const error = new Error('EIO: i/o error')
    const gate: FileGate = ({ name }) =>
      passed++ === at ? { error, done: name === 'close' ? 'all' : 'nothing' } : undefined
    const isTold = await throughGate(gate, look).catch(() => true)
    if (!isTold) passedOver.push(calls[at] ?? '')
  }
  expect(passedOver).toEqual([])
})
