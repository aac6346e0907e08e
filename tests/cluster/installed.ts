import type { ChildProcessByStdio } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test as base } from 'vitest'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { demoFolder, knitOf, profileFlags, startKnit } from '../demo/local-home.ts'
import type { Knit } from '../demo/knit.ts'
import { installed, kubernetes, type Installed } from './installation.ts'
import { workIn, type Work } from './work.ts'

/** A command that is still running. */
export type Command = ChildProcessByStdio<null, Readable, Readable>

type Fixtures = {
  folder: string
  there: Installed
  api: KnitApi
  knit: Knit
  /** Starts a command that is not waited for. */
  begin(...args: string[]): Command
  work: Work
  cluster: ReturnType<typeof kubernetes>
}

/** A test with a folder of its own, and the CLI in a project there. */
export const test = base.extend<Fixtures>({
  folder: async ({}, use) => {
    const folder = mkdtempSync('/var/tmp/knit-cluster-test-')
    await use(folder)
    rmSync(folder, { recursive: true })
  },
  there: async ({}, use) => use(installed()),
  cluster: async ({}, use) => use(kubernetes()),
  api: async ({ there: { apiRoot, token } }, use) => use(connectApi({ apiRoot, token })),
  knit: async ({ folder, there, signal }, use) => use(await knitIn(folder, there, signal)),
  begin: async ({ folder, knit: _ready, signal }, use) =>
    use((...args) =>
      startKnit([...args, ...profileFlags(folder)], { cwd: demoFolder(folder), signal }),
    ),
  work: async ({ folder, there, api, knit }, use) => {
    const work = workIn({ folder, there, api, knit })
    await use(work)
    await work.leave()
  },
})

/** The CLI in a project of a folder; `ca` is the certificate it believes, in PEM. */
export function knitIn(
  folder: string,
  { apiRoot, token, ca }: { apiRoot: string; token: string; ca?: string },
  signal: AbortSignal,
): Promise<Knit> {
  const cert = ca && { ca: Buffer.from(ca).toString('base64') }
  writeFileSync(join(folder, 'knitprofile'), JSON.stringify({ apiRoot, token, cert }))
  return knitOf({ home: folder, apiRoot, wasRunning: true }, signal)
}

export { demoFolder }
