import { expect } from 'vitest'
import { connect, readingFor, waitingFor, type SqlOptions, type Tx } from '#shared/database/sql.ts'
import { test as base } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { openFront, send, type Front } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { deliver, type TestWorld } from '#tests/support/world.ts'
import startRun from '../../../functions/steps/start-run/function.ts'

const short = 0.05

/** A home whose database has no time. */
const test = base.extend<{ $file: { hasty: TestWorld; front: Front } }>({
  hasty: [
    async ({ ctx }, use) => {
      const open = (session: SqlOptions) =>
        connect('postgres://test', { ...(ctx.sql.options as object), ...session })
      const [sql, reads] = [open(waitingFor(short)), open(readingFor(short))]
      await use({ ...ctx, sql, reads })
      await Promise.all([sql.end({ timeout: 1 }), reads.end({ timeout: 1 })])
    },
    { scope: 'file' },
  ],
  front: [
    async ({ hasty }, use) => {
      const front = await openFront(hasty)
      await use(front)
      await front.close()
    },
    { scope: 'file' },
  ],
})

/** What is done while somebody else holds something, and for as long as it takes. */
async function whileHeld<T>(
  { sql }: TestWorld,
  hold: (tx: Tx) => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  return sql.begin(async (tx) => {
    await hold(tx)
    return work()
  }) as Promise<T>
}

test.for(['data', 'runs', 'plans'])(
  'GET /api/%s of which a statement takes too long is told so, and what to ask for instead, and not to ask at once',
  async (list, { ctx, front }) => {
    const path = `/api/${list}`
    const { status, headers, text } = await whileHeld(
      ctx,
      (tx) => tx`lock table data, run, plan in access exclusive mode`,
      () => send(front, { path, headers: { accept: 'application/problem+json' } }),
    )
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({
      status: 503,
      code: 'too-slow',
      detail: expect.stringMatching(/KNIT_STATEMENT_TIMEOUT.* narrow .* tags.* limit/),
    })
    expect(Number(headers['retry-after'])).toBeGreaterThan(10)
  },
)

test('a change of what others hold is given up, undone and said to be held; it is made when they have let go', async ({
  ctx,
  front,
}) => {
  const knitId = await makeData(ctx)
  const change = () =>
    send(front, {
      method: 'PUT',
      path: `/api/data/${knitId}`,
      headers: { 'content-type': 'application/json', 'idempotency-key': knitId },
      body: JSON.stringify({ add: ['a:1'] }),
    })
  const held = await whileHeld(
    ctx,
    (tx) => tx`select from data where id = ${knitId} for update`,
    change,
  )
  expect(held).toMatchObject({ status: 503, text: expect.stringContaining('Others hold') })
  const made = await change()
  expect(made).toMatchObject({ status: 200, text: expect.stringContaining('a:1') })
})

test('a step that waits for what others hold lets go, and is woken again', async ({
  ctx,
  hasty,
}) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const wake = async () =>
    (await deliver(startRun, hasty, 'run.ready', { runId, attempt: 1 })).status
  expect(
    await whileHeld(ctx, (tx) => tx`select from run where id = ${runId} for update`, wake),
  ).toBe(503)
  expect(await wake()).toBe(202)
})

test('who changes something has all the time it takes, but for waiting', async ({ hasty }) => {
  const limits = (sql = hasty.sql) => sql`
    select current_setting('statement_timeout') as work, current_setting('lock_timeout') as wait`
  expect(await limits()).toEqual([{ work: '0', wait: '50ms' }])
  expect(await limits(hasty.reads)).toEqual([{ work: '50ms', wait: '0' }])
})
