import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import { test } from '#tests/support/world.ts'
import { migrate } from './migrate.ts'

test('a migrated database is left as it is', async ({ ctx }) => {
  expect(await migrate(ctx.sql)).toEqual([])
})

test('a migration that needs a table which somebody uses lets those pass who wait behind it, and is applied when nobody does', async ({
  ctx,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  const held = Promise.withResolvers<void>()
  const reader = await ctx.sql.reserve()
  try {
    await ctx.sql`create table test_held (id integer)`
    await writeFile(join(folder, '9000-more.sql'), 'alter table test_held add column more text;')
    await reader`begin`
    await reader`select from test_held`
    const migrating = migrate(ctx.sql, pathToFileURL(`${folder}/`), held.resolve)
    await held.promise
    expect(await ctx.sql`select * from test_held`).toEqual([])
    await reader`commit`
    expect(await migrating).toEqual(['9000-more.sql'])
    expect(await ctx.sql`select more from test_held`).toEqual([])
  } finally {
    reader.release()
    await rm(folder, { recursive: true })
  }
})

test('migrations are applied once, in order, however many migrate at the same time, and one that fails leaves nothing', async ({
  ctx,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  const from = pathToFileURL(`${folder}/`)
  try {
    await writeFile(join(folder, '9001-one.sql'), 'create table test_one (id integer);')
    await writeFile(
      join(folder, '9002-two.sql'),
      '-- serves from 9001-one.sql\ninsert into test_one values (1);',
    )
    const applied = await Promise.all([migrate(ctx.sql, from), migrate(ctx.sql, from)])
    expect(applied.flat().toSorted()).toEqual(['9001-one.sql', '9002-two.sql'])
    expect(await ctx.sql`select id from test_one`).toEqual([{ id: 1 }])
    await writeFile(
      join(folder, '9003-bad.sql'),
      'insert into test_one values (2); select nonsense;',
    )
    await expect(migrate(ctx.sql, from)).rejects.toThrow(/nonsense/)
    expect(await ctx.sql`select id from test_one`).toEqual([{ id: 1 }])
    expect(
      await ctx.sql`select name, serves_from from migration where name > '9001' order by name`,
    ).toEqual([
      { name: '9001-one.sql', serves_from: null },
      { name: '9002-two.sql', serves_from: '9001-one.sql' },
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
})
