import { afterEach, beforeEach, expect, test } from 'vitest'
import { idOf } from '#shared/client/wire-samples.ts'
import type { RunHistory } from '#shared/domain/run-history.ts'
import { historyText } from './history.ts'

const zone = process.env.TZ
beforeEach(() => void (process.env.TZ = 'Asia/Tokyo'))
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

const at = (second: number) => `2025-01-02T03:04:0${second}+00:00`
const history: RunHistory = {
  runId: idOf('r1'),
  moves: [
    { attempt: 1, status: 'waiting', at: at(0), by: 'project-runs' },
    { attempt: 1, from: 'waiting', status: 'ready', at: at(1), by: 'initialize-run' },
    { attempt: 1, from: 'ready', status: 'starting', at: at(2), by: 'start-run' },
    {
      attempt: 1,
      from: 'starting',
      status: 'aborting',
      at: at(3),
      by: 'ann',
      reason: 'aborted\nby user',
    },
    { attempt: 2, from: 'aborting', status: 'waiting', at: at(4), by: 'finish-run' },
  ],
  attempts: [
    { attempt: 1, image: 'reg.test/a:1', exit: { code: 253, message: 'aborted by user' } },
  ],
  milestones: [
    { attempt: 1, name: 'projected', at: at(0) },
    { attempt: 2, name: 'retried', at: at(4) },
  ],
}

test('people see every status with when, how long, who and why, the attempts, and the way', () => {
  const text = historyText(history, new Date(at(6)), { width: 72, colour: false })
  expect(`\n${text}`).toMatchInlineSnapshot(`
    "
    WHEN                       ATTEMPT  STATUS    FOR     BY
      WHY
    2025-01-02T12:04:00+09:00  1        waiting   1.00 s  project-runs
    2025-01-02T12:04:01+09:00  1        ready     1.00 s  initialize-run
    2025-01-02T12:04:02+09:00  1        starting  1.00 s  start-run
    2025-01-02T12:04:03+09:00  1        aborting  1.00 s  ann
      aborted\\nby user
    2025-01-02T12:04:04+09:00  2        waiting   2.00 s  finish-run

    ATTEMPT  STARTED  TOOK  EXIT  MESSAGE          IMAGE
    1                       253   aborted by user  reg.test/a:1

                          0                       3.00 s             6.00 s
    1. projected          ▏
    2. retried    4.00 s  █████████████████████████████████
    so far        2.00 s                                   ░░░░░░░░░░░░░░░░
    "
  `)
})

test('a run that has ended does not go on', () => {
  const [first] = history.moves
  const ended = {
    ...history,
    moves: [
      ...(first ? [first] : []),
      { ...first, status: 'done' as const, attempt: 1, by: 'x', at: at(4) },
    ],
  }
  const text = historyText(ended, new Date(at(9)), { width: 72, colour: false })
  expect(text).toMatch(/done +x$/m)
  expect(text).not.toContain('░')
})
