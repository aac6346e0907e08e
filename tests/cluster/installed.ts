import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test as base } from 'vitest'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { demoFolder, knitOf } from '../demo/local-home.ts'
import type { Knit } from '../demo/knit.ts'

/** The installation that all tests share: what `main.ts` has made. */
export type Installed = {
  namespace: string
  apiRoot: string
  token: string
  images: { node: string; tools: string }
}

export const installed = (): Installed => {
  const text = process.env['KNIT_TEST_INSTALLED']
  if (!text) throw new Error('There is no installation to test: npm run test:cluster makes one.')
  return JSON.parse(text) as Installed
}

/** A test with a folder of its own, and the CLI in a project there. */
export const test = base.extend<{ folder: string; there: Installed; api: KnitApi; knit: Knit }>({
  folder: async ({}, use) => {
    const folder = mkdtempSync('/var/tmp/knit-cluster-test-')
    await use(folder)
    rmSync(folder, { recursive: true })
  },
  there: async ({}, use) => use(installed()),
  api: async ({ there: { apiRoot, token } }, use) => use(connectApi({ apiRoot, token })),
  knit: async ({ folder, there: { apiRoot, token }, signal }, use) => {
    writeFileSync(join(folder, 'knitprofile'), `apiRoot: ${apiRoot}\ntoken: ${token}\n`)
    await use(await knitOf({ home: folder, apiRoot, wasRunning: true }, signal))
  },
})

export { demoFolder }
