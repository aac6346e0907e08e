import { expect } from 'vitest'
import { makeRun } from '#tests/support/runs.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { showData } from './data-view.ts'
import type { Sql } from './sql.ts'

/** A database in which something happens before it is asked about runs. */
const changing = ({ sql }: TestWorld, change: () => Promise<unknown>): Sql =>
  new Proxy(sql, {
    apply(target, self, args: [readonly string[]]) {
      const ask = () => Reflect.apply(target, self, args) as unknown
      return args[0].join('').includes('left join attempt') ? change().then(ask) : ask()
    },
  })

test('a run that goes on meanwhile is shown as it was when its data were read', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'completing' })
  const rows = await ctx.sql<{ id: string }[]>`select id from data where run_id = ${runId}`
  const sql = changing(ctx, () => ctx.sql`update run set status = 'done' where id = ${runId}`)
  const shown = await showData(
    sql,
    rows.map(({ id }) => id),
  )
  expect(shown.map(({ upstream }) => upstream.run.status)).toEqual(rows.map(() => 'completing'))
  expect(shown).not.toEqual([])
  expect(await ctx.sql`select status from run where id = ${runId}`).toEqual([{ status: 'done' }])
})
