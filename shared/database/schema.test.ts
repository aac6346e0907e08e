import { expect } from 'vitest'
import { test as base } from '#tests/support/world.ts'
import { findMismatch } from './schema.ts'
import type { Tx } from './sql.ts'

/** A database in which whatever becomes of migrations is taken back. */
const test = base.extend<{ tx: Tx }>({
  tx: async ({ ctx }, use) => {
    const takenBack = new Error('taken back')
    const tried = ctx.sql.begin(async (tx) => {
      await use(tx)
      throw takenBack
    })
    await tried.catch((error: unknown) => {
      if (error !== takenBack) throw error
    })
  },
})

test('functions work with the schema of their release', async ({ tx }) => {
  expect(await findMismatch(tx)).toBeUndefined()
})

test('functions work with a schema of a later release that serves them still', async ({ tx }) => {
  await tx`insert into migration (name, serves_from) values ('9001-more.sql', '0005-request.sql')`
  expect(await findMismatch(tx, '0005-request.sql')).toBeUndefined()
  expect(await findMismatch(tx, '0006-other.sql')).toBeUndefined()
})

test('a function that is older than those a schema serves waits for its successor', async ({
  tx,
}) => {
  await tx`
    insert into migration (name, serves_from)
    values ('9001-less.sql', '0006-other.sql'), ('9002-more.sql', null)`
  expect(await findMismatch(tx, '0005-request.sql')).toBe(
    'The database has the schema 9002-more.sql, which is for functions from 0006-other.sql on, and this one is of 0005-request.sql: it waits until the function of the new release takes its place.',
  )
})

test('a function that is newer than the schema waits for its migration', async ({ tx }) => {
  expect(await findMismatch(tx, '9001-more.sql')).toMatch(
    /^The database has the schema \d{4}-\S+\.sql, and this function needs 9001-more\.sql: it waits until the job "migrate" of its release has run\.$/,
  )
})

test.for([
  'drop table migration',
  'delete from migration',
  'alter table migration drop column serves_from',
])('a function waits after: %s', async (statement, { tx }) => {
  await tx.unsafe(statement)
  expect(await findMismatch(tx)).toMatch(/has the schema of no release, and this function needs/)
})
