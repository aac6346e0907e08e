import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, inject } from 'vitest'
import { connect, type Sql } from '#shared/database/sql.ts'
import { until } from '#tests/support/until.ts'
import { test as base } from '#tests/support/world.ts'
import { whyTooOld } from './in-vain.ts'

const program = new URL('./main.ts', import.meta.url).pathname

/** The program as the Job runs it; the server of the tests is found by its socket. */
function run(url: string, env: Record<string, string> = {}) {
  const there = { PGHOST: dirname(inject('postgres').path), PGUSER: 'knit' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    env: { ...there, KNIT_DATABASE_URL: url, ...env },
    encoding: 'utf8',
  })
  return { code: status, out: stdout.trimEnd(), said: stderr.trimEnd() }
}

const test = base.extend<{ databaseName: string; role: string }>({
  databaseName: async ({ ctx }, use) => use(await databaseOf(ctx.sql)),
  /** Somebody who may log in, and nothing else. */
  role: async ({ ctx }, use) => {
    const role = `role_${randomBytes(6).toString('hex')}`
    await ctx.sql.unsafe(`create role ${role} login password 'right'`)
    await use(role)
    await ctx.sql.unsafe(`drop role ${role}`)
  },
})

async function databaseOf(sql: Sql): Promise<string> {
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  return row?.name ?? ''
}

/** Lets the server ask this role for its password for as long as some work takes. */
async function askingFor(sql: Sql, role: string, work: () => void): Promise<void> {
  const [row] = await sql<{ file: string }[]>`select current_setting('hba_file') as file`
  const file = row?.file ?? ''
  const before = readFileSync(file, 'utf8')
  writeFileSync(file, `local all ${role} scram-sha-256\n${before}`)
  await reload(sql)
  try {
    work()
  } finally {
    writeFileSync(file, before)
    await reload(sql)
  }
}

/** Whoever connects afterwards is asked as the file says now. */
async function reload(sql: Sql): Promise<void> {
  const { url, path } = inject('postgres')
  const loadedAt = async () => {
    const fresh = connect(url, { path, max: 1 })
    const [row] = await fresh<{ at: Date }[]>`select pg_conf_load_time() as at`
    await fresh.end()
    return row?.at.getTime() ?? 0
  }
  const before = await loadedAt()
  await sql`select pg_reload_conf()`
  await until(async () => (await loadedAt()) > before)
}

test('a database is brought to the schema of this release, and is left as it is the next time', ({
  databaseName,
}) => {
  expect(run(`postgres:///${databaseName}`)).toEqual({
    code: 0,
    out: 'The schema is up to date.',
    said: '',
  })
})

test('a database that a later release has brought to what this one does not know is left as it is', async ({
  ctx,
  databaseName,
}) => {
  const later = '9001-less.sql'
  await ctx.sql`insert into migration (name, serves_from) values (${later}, ${later})`
  const { code, said } = run(`postgres:///${databaseName}`)
  await ctx.sql`delete from migration where name = ${later}`
  expect(said).toMatch(
    /, as knit: it has the schema 9001-less\.sql of a later release of Knitfab.*: install that release, or restore [^\n]+$/,
  )
  expect(code).toBe(2)
})

test('a database that there is not is named, and not tried again', () => {
  const { code, said } = run('postgres:///nobody-made-this')
  expect(said).toMatch(
    /^The database nobody-made-this of \S+, as knit: .*does not exist: make this database, or [^\n]+$/,
  )
  expect(code).toBe(2)
})

test('a password that is wrong is said to be, and not what it is', async ({
  ctx,
  databaseName,
  role,
}) => {
  await askingFor(ctx.sql, role, () => {
    const { code, said } = run(`postgres:///${databaseName}`, { PGUSER: role, PGPASSWORD: 'left' })
    expect(said).toMatch(
      /, as role_\w+: .*authentication failed.*: correct the password in [^\n]+$/,
    )
    expect(said).not.toContain('left')
    expect(code).toBe(2)
  })
})

test('a user who is not let in is said to be', async ({ ctx, databaseName, role }) => {
  await ctx.sql.unsafe(`alter role ${role} nologin`)
  const { code, said } = run(`postgres:///${databaseName}`, { PGUSER: role })
  expect(said).toMatch(/is not permitted to log in: let this user in /)
  expect(code).toBe(2)
})

test('a user who may make nothing is said to need the database for its own', async ({
  ctx,
  role,
}) => {
  const name = `test_${role}`
  await ctx.sql.unsafe(`create database ${name}`)
  const { code, said } = run(`postgres:///${name}`, { PGUSER: role })
  await ctx.sql.unsafe(`drop database ${name}`)
  expect(said).toMatch(/permission denied.*: make this user the owner of the database/)
  expect(code).toBe(2)
})

test('a server that does not answer may yet come, and is tried again', () => {
  const { code, said } = run('postgres://knit:secret@127.0.0.1:1/knit')
  expect(said).toMatch(/^The database knit of 127\.0\.0\.1:1, as knit, does not answer \(.+\): /)
  expect(said).not.toContain('secret')
  expect(code).toBe(1)
})

test('a password that has to be encoded is asked for in that form', () => {
  for (const password of ['p#w', 'p/w', 'p%w']) {
    const { code, said } = run(`postgres://knit:${password}@db.test/knit`)
    expect(said).toMatch(/is not a URL: .* percent-encoded\.$/)
    expect(said).not.toContain(password)
    expect(code).toBe(2)
  }
})

test('a server that is too old is said to be', () => {
  expect(whyTooOld(140_012)).toMatch(/PostgreSQL 14 is too old: upgrade it to 15 or later/)
  expect(whyTooOld(150_000)).toBeUndefined()
})
