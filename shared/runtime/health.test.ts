import { expect, test } from 'vitest'
import type { Sql } from '#shared/database/sql.ts'
import { withHealth } from './health.ts'
import { createLog } from './log.ts'
import { answer } from './web.ts'

const log = createLog({ format: 'json', level: 'error' }, {})
const ready = new Request('http://mine/readyz')

/** A database that answers when it is told to. */
function database() {
  const asked: PromiseWithResolvers<unknown>[] = []
  const sql = (() => {
    asked.push(Promise.withResolvers())
    return asked.at(-1)?.promise
  }) as unknown as Sql
  return { sql, asked }
}

test('however many ask at once whether a function is ready, the database is asked once', async () => {
  const { sql, asked } = database()
  const fetch = withHealth({ sql, log }, () => answer('mine'))
  const first = [fetch(ready, {}), fetch(ready, {}), fetch(ready, {})]
  expect(asked).toHaveLength(1)
  asked[0]?.reject(new Error('away'))
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([503, 503, 503])

  const next = fetch(ready, {})
  expect(asked).toHaveLength(2)
  asked[1]?.resolve([])
  expect((await next).status).toBe(200)
})
