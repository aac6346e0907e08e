import { mkdtemp, rm, statfs } from 'node:fs/promises'
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

const gibibyte = 2 ** 30

/** Memory as a disk, where there is one with room, as tests make and drop hundreds of databases; a million rows need a real one. */
async function fastestFolder(): Promise<string> {
  const inMemory = '/dev/shm'
  if (process.env['KNIT_TEST_ROWS']) return tmpdir()
  const disk = await statfs(inMemory).catch(() => undefined)
  const hasRoom = disk !== undefined && disk.bavail * disk.bsize >= 4 * gibibyte
  return hasRoom ? inMemory : tmpdir()
}

/** A real Postgres in a folder of its own, with a migrated database to copy. */
export async function startTestPostgres(): Promise<TestServer> {
  const folder = await mkdtemp(join(await fastestFolder(), 'knit-tests-'))
  // These data need not survive anything.
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '100',
  }
  const server = await startPostgres({ folder, settings })
  const { url, options } = server
  const admin = connect(url, { ...options, max: 1 })
  await admin.unsafe(`create database ${template}`)
  const sql = connect(url, { ...options, database: template, max: 1 })
  await migrate(sql)
  await sql.end()
  await admin.end()
  const stop = async (): Promise<void> => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return { url, path: options.path, template, stop }
}

/** One server for all tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...server } = await startTestPostgres()
  project.provide('postgres', server)
  return stop
}
