import { expect, test } from 'vitest'
import type { Sql } from '#shared/database/sql.ts'
import { withHealth } from './health.ts'
import { createLog } from './log.ts'
import { answer } from './web.ts'

const log = createLog({ format: 'json', level: 'error' }, {})
const ready = new Request('http://mine/readyz')
const clock = { now: () => new Date(0) }

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
  const fetch = withHealth({ sql, log, clock }, () => answer('mine'))
  for (const round of [0, 1]) {
    const answers = [fetch(ready, {}), fetch(ready, {}), fetch(ready, {})]
    expect(asked).toHaveLength(round + 1)
    asked[round]?.resolve([])
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
  }
})

test('a database that is away is asked less and less, at least every 2 s, and at once when it is back', async () => {
  const { sql, asked } = database()
  let now = 0
  const at = (seconds: number) => {
    now = 1000 * seconds
    return fetch(ready, {})
  }
  const fetch = withHealth({ sql, log, clock: { now: () => new Date(now) } }, () => answer('mine'))
  const isAway = async (answered: ReturnType<typeof fetch>) => {
    asked.at(-1)?.reject(new Error('away'))
    expect((await answered).status).toBe(503)
  }
  await isAway(at(0))
  const moments: number[] = []
  for (let tenth = 1; tenth <= 100; tenth += 1) {
    const before = asked.length
    await isAway(at(tenth / 10))
    if (asked.length > before) moments.push(tenth / 10)
  }
  expect(moments).toEqual([0.2, 0.6, 1.4, 3, 5, 7, 9])

  const next = at(11)
  asked.at(-1)?.resolve([])
  expect((await next).status).toBe(200)
  await isAway(at(11))
})

test('a clock that is set back keeps nothing from being ready', async () => {
  const { sql, asked } = database()
  let now = 1e6
  const fetch = withHealth({ sql, log, clock: { now: () => new Date(now) } }, () => answer('mine'))
  const away = fetch(ready, {})
  asked[0]?.reject(new Error('away'))
  expect((await away).status).toBe(503)
  now = 0
  const next = fetch(ready, {})
  asked[1]?.resolve([])
  expect((await next).status).toBe(200)
})
