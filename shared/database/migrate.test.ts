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

test('migrations are applied once, in order, however many migrate at the same time, and one that fails leaves nothing', async ({
  ctx,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  const from = pathToFileURL(`${folder}/`)
  try {
    await writeFile(join(folder, '9001-one.sql'), 'create table test_one (id integer);')
    await writeFile(join(folder, '9002-two.sql'), 'insert into test_one values (1);')
    const applied = await Promise.all([migrate(ctx.sql, from), migrate(ctx.sql, from)])
    expect(applied.flat().toSorted()).toEqual(['9001-one.sql', '9002-two.sql'])
    expect(await ctx.sql`select id from test_one`).toEqual([{ id: 1 }])
    await writeFile(
      join(folder, '9003-bad.sql'),
      'insert into test_one values (2); select nonsense;',
    )
    await expect(migrate(ctx.sql, from)).rejects.toThrow(/nonsense/)
    expect(await ctx.sql`select id from test_one`).toEqual([{ id: 1 }])
    expect(await ctx.sql`select name from migration where name like '9%' order by name`).toEqual([
      { name: '9001-one.sql' },
      { name: '9002-two.sql' },
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
})
