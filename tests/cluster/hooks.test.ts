import { describe, expect } from 'vitest'
import { runs } from '#shared/contracts/runs.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { until } from '#tests/support/until.ts'
import { linesOf } from './installation.ts'
import { test as base } from './installed.ts'
import { run as execute } from './phase.ts'
import { outputOf } from './work.ts'
import { hooks } from './values.ts'

type Call = { hook: string; runId: string; agrees: boolean }

const test = base.extend<{ callsOf: (runId: string) => Promise<string[]> }>({
  /** What hooks were asked and told of a run, in order. */
  callsOf: async ({}, use) =>
    use(async (runId) => {
      const calls = (await linesOf(hooks.service)).map((line) => JSON.parse(line) as Call)
      return calls.filter((call) => call.runId === runId).map(({ hook }) => hook)
    }),
})

describe.concurrent('hooks', () => {
  test('are asked before each move of a run and told of it after, and give its program variables', async ({
    work,
    knit,
    api,
    callsOf,
    there: { namespace },
  }) => {
    // It goes on until that is known: a program that has ended when it is first looked at was never seen to run.
    const line = 'echo $KNIT_TEST_WORD > /out/text; until test -e /tmp/told; do sleep 0.1; done'
    const runId = await work.start(line)
    await until(async () => (await callsOf(runId)).includes('after running'))
    const inProgram = ['exec', `job/${workerOf({ id: runId, attempt: 1 })}`, '--container', 'main']
    await execute(['kubectl', '-n', namespace, ...inProgram, '--', 'touch', '/tmp/told'])
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', attempts: [{ variables: ['KNIT_TEST_WORD'] }] })
    expect(await work.pull(outputOf(run))).toEqual({ text: 'by a hook\n' })

    const { moves } = await api.call(runs.history, { runId })
    const moved = moves.map(({ status }) => status).filter((status) => status !== 'waiting')
    expect(moved.at(-1)).toBe('done')
    const after = moved.map((status) => `after ${status}`)
    const calls = await until(async () => {
      const seen = await callsOf(runId)
      return after.every((call) => seen.includes(call)) ? seen : undefined
    })
    const before = calls.filter((call) => call.startsWith('before'))
    expect(before).toEqual(moved.map((status) => `before ${status}`))
    expect(before).toContain('before running')
    expect(await knit('run', 'show', '--output', 'table', runId)).toContain('$KNIT_TEST_WORD')
  })

  test('that do not agree hold a run, which says so, until they do', async ({ work, callsOf }) => {
    const runId = await work.start('true', { annotations: ['refusals=2'] })
    await work.until(runId, ({ reason }) => reason?.includes('hook'))
    const held = await work.show(runId)
    expect(held).toMatchObject({
      status: 'ready',
      reason: expect.stringMatching(
        /hook http:.*\/before keeps the run from being starting: .*503/,
      ),
    })
    expect(await work.end(runId)).toMatchObject({ status: 'done' })
    const asked = (await callsOf(runId)).filter((call) => call === 'before starting')
    expect(asked).toHaveLength(3)
  })
})
