import { expect, inject, onTestFinished, test } from 'vitest'
import { until } from '#tests/support/until.ts'
import {
  begin,
  connect,
  isUnavailable,
  readingFor,
  waitingFor,
  type Sql,
  type SqlOptions,
} from './sql.ts'

function open(options: SqlOptions): Sql {
  const { url, path } = inject('postgres')
  const sql = connect(url, { ...options, path, max: 1 })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

test.for([
  ['who changes something', waitingFor(7)],
  ['who only reads', readingFor(7)],
  ['who migrates', {}],
] as const)(
  'the server ends the session of one that is silent in a transaction, or gone: of %s',
  async ([, options]) => {
    const sql = open(options)
    const shown = await sql`select current_setting('idle_in_transaction_session_timeout') as silent`
    expect(shown).toEqual([{ silent: '30s' }])
    // Of a line within one machine the server shows none of these.
    expect(sql.options.connection).toMatchObject({
      tcp_user_timeout: 30_000,
      tcp_keepalives_idle: 15,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
    })
  },
)

const turn = 4712

test('what one holds that stands still in a transaction, others have before long; it fails as if its line broke, and goes on', async () => {
  const silent = open({ connection: { idle_in_transaction_session_timeout: 100 } })
  const other = open({})
  let isHeld = false
  const standing = begin(silent, async (tx) => {
    await tx`select pg_advisory_xact_lock(${turn})`
    isHeld = true
    await new Promise(() => {})
  }).catch((error: unknown) => error)
  await until(() => isHeld)
  await other`select pg_advisory_xact_lock(${turn})`
  expect(isUnavailable(await standing)).toBe(true)
  expect(await begin(silent, (tx) => tx`select 1 as one`)).toEqual([{ one: 1 }])
})
