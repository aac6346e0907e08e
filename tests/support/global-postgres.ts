import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { migrate } from '#shared/database/migrate.ts'
import { connect } from '#shared/database/sql.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { url: string; path: string }
  }
}

export const template = 'knit_template'

/** One real Postgres for all tests, with a migrated database that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'knit-tests-'))
  // These data need not survive anything.
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '100',
  }
  const server = await startPostgres({ folder, settings })
  const admin = connect(server.url, { ...server.options, max: 1 })
  await admin.unsafe(`create database ${template}`)
  const sql = connect(server.url, { ...server.options, database: template, max: 1 })
  await migrate(sql)
  await sql.end()
  await admin.end()
  project.provide('postgres', { url: server.url, path: server.options.path })
  return async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
