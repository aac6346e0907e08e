import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { migrate } from '#shared/database/migrate.ts'
import { connect } from '#shared/database/sql.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { url: string; path: string; template: string }
  }
}

const template = 'knit_template'

export type TestServer = { url: string; path: string; template: string; stop(): Promise<void> }

/** A real Postgres in a folder, with a migrated database to copy. */
export async function startTestPostgres(folder: string): Promise<TestServer> {
  // These data need not survive anything.
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '100',
  }
  const { url, options, stop } = await startPostgres({ folder, settings })
  const admin = connect(url, { ...options, max: 1 })
  await admin.unsafe(`create database ${template}`)
  const sql = connect(url, { ...options, database: template, max: 1 })
  await migrate(sql)
  await sql.end()
  await admin.end()
  return { url, path: options.path, template, stop }
}

/** One server for all tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'knit-tests-'))
  const { stop, ...server } = await startTestPostgres(folder)
  project.provide('postgres', server)
  return async () => {
    await stop()
    await rm(folder, { recursive: true, force: true })
  }
}
