import { join } from 'node:path'
import { test as base } from 'vitest'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { startHomeWith, temporaryFolder } from '#tests/support/local-home.ts'
import type { HomeOptions, RunningHome } from '#tests/support/local-home.ts'
import { smallDisk, type SmallDisk } from '#tests/support/small-disk.ts'

/** A local home that a test ends, or that is ended after it. */
export type TestHome = RunningHome & { api: KnitApi }

type Fixtures = {
  /** Where everything is kept that is gone after the test. */
  folder: string
  /** A small disk in it, which a home may have for its own; undefined where this user may not mount. */
  disk: SmallDisk | undefined
  /** Starts a home in the folder, or in another one. */
  start(options?: HomeOptions & { below?: string }): Promise<TestHome>
}

export const test = base.extend<Fixtures>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('knit-faults-')
    await use(folder.path)
    await folder.remove()
  },
  disk: async ({ folder }, use) => {
    const disk = smallDisk(join(folder, 'disk'), 128)
    await use(disk)
    disk?.remove()
  },
  start: async ({ folder }, use) => {
    const started: RunningHome[] = []
    await use(async ({ below = folder, args = [], env = {}, ...options } = {}) => {
      const running = await startHomeWith(join(below, 'home'), {
        args: ['--engine', 'sandbox', ...args],
        env: { KNIT_SWEEP_INTERVAL: '0.2', ...env },
        ...options,
      })
      started.push(running)
      return { ...running, api: connectApi({ apiRoot: running.apiRoot }) }
    })
    for (const running of started) await running.stop('SIGKILL')
  },
})
