import { expect } from 'vitest'
import { cloneDatabase } from '#tests/support/database.ts'
import { callEverything } from '#tests/support/every-call.ts'
import { fillTables, rows } from '#tests/support/full-tables.ts'
import { wholeReads } from '#tests/support/query-plan.ts'
import { observer, type Statement } from '#tests/support/statements.ts'
import { makeWorld, test as base } from '#tests/support/world.ts'
import { routeFunctions, stepFunctions } from '../../functions/functions.generated.ts'

const test = base.extend<{ $file: { statements: Statement[] } }>({
  statements: [
    async ({}, use) => {
      const watch = observer()
      const database = await cloneDatabase({ debug: watch.debug })
      await callEverything(makeWorld(database.sql), watch)
      await database.drop()
      await use(watch.seen)
    },
    { scope: 'file' },
  ],
})

/** What looks at everything there is, because an operator asks for that. */
const looksAtAll = new Set(['admin.check'])
/** What the caller's identity says already. */
const asksNothing = new Set(['access.whoami'])

test('what every route and every step asks of the database is known, and what metrics do', ({
  statements,
}) => {
  const asking = new Set(statements.map(({ by }) => by.split(' ')[0]))
  const names = ['metrics', ...[...routeFunctions, ...stepFunctions].map(({ name }) => name)]
  expect(names.filter((name) => !asking.has(name) && !looksAtAll.has(name))).toEqual([
    ...asksNothing,
  ])
})

// Filling the tables takes nearly all of it.
const timeout = 60_000 + rows * 2

test(
  'no route, no step and no metric reads the whole of a table that grows',
  { timeout },
  async ({ statements }) => {
    const { sql, drop } = await cloneDatabase({ max: 1 })
    await fillTables(sql)
    const offenders: string[] = []
    for (const statement of statements) {
      const tables = await wholeReads(sql, statement)
      if (tables.length > 0)
        offenders.push(`${statement.by} reads all of ${tables.join(', ')}:${statement.text}`)
    }
    await drop()
    expect(offenders).toEqual([])
  },
)
