import { expect, test } from 'vitest'
import type { Sql } from '#shared/database/sql.ts'
import { createLog } from './log.ts'
import { answer } from './web.ts'
import { withSchema } from './with-schema.ts'

const log = createLog({ format: 'json', level: 'error' }, {})
const request = () => new Request('http://mine/api/data')

/** A function before a database whose newest migration is what `newest` says, and the count of looks at it. */
function served(newest: () => string) {
  const seen = { looks: 0, now: 0 }
  const sql = (async () => {
    seen.looks += 1
    return [{ newest: newest(), servesFrom: null }]
  }) as unknown as Sql
  const clock = { now: () => new Date(seen.now) }
  return { seen, fetch: withSchema({ sql, log, clock }, () => answer('mine')) }
}

test('while the schema is older than a function, whoever asks is told why, and to come back', async () => {
  const { fetch } = served(() => '0001-plan.sql')
  const refused = await fetch(request(), {})
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toEqual({
    message: expect.stringMatching(
      /The database has the schema 0001-plan\.sql, and this function needs /,
    ),
  })
})

test('a function serves when the schema has become what it needs, and looks at it once in a while', async () => {
  let newest = '0001-plan.sql'
  const { fetch, seen } = served(() => newest)
  const status = async () => (await fetch(request(), {})).status
  expect(await status()).toBe(503)
  newest = '9999-all.sql'
  expect(await status()).toBe(503)
  seen.now += 1001
  expect([await status(), await status()]).toEqual([200, 200])
  expect(seen.looks).toBe(2)
})

test('where the database does not answer, the function says so itself', async () => {
  const away = (async () => {
    throw new Error('away')
  }) as unknown as Sql
  const fetch = withSchema({ sql: away, log, clock: { now: () => new Date(0) } }, () =>
    answer('mine'),
  )
  expect((await fetch(request(), {})).status).toBe(200)
})
