import { expect, test } from 'vitest'
import { stubOfTheWire, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from '../../testing.ts'

const done = sampleRun('r1', { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']], log: 'l1' })
const running = { ...done, status: 'running' as const }
const exit = { code: 3, message: 'Error' }
const failed = { ...done, status: 'failed' as const, exit }

test('run find joins what is repeated with commas and sends no window of its own', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [done] }))
  const words = ['run', 'find', '-p', 'a', '--planid', 'b', '-s', 'done', '--status=failed']
  const { stdout } = await knit(words, projectFor(stub))
  expect(JSON.parse(stdout)).toEqual([done])
  expect(stub.requests[0]?.url).toBe('/api/runs?plan=a%2Cb&status=done%2Cfailed')
})

test('run find makes a table for people', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [failed] }))
  const { stdout } = await knit(['run', 'find', '--output', 'table'], projectFor(stub))
  const [head, row] = stdout.split('\n')
  expect(head).toMatch(/^RUN ID +STATUS +UPDATED +IMAGE +EXIT$/)
  expect(row).toMatch(/failed +\S+ +knit#uploaded +3 Error$/)
})

test('run show --log copies the log to stdout', async () => {
  await using stub = await stubOfTheWire(() => ({ body: 'a\nb' }))
  const { stdout } = await knit(['run', 'show', 'r1', '--log', '-f'], projectFor(stub))
  expect(stdout).toBe('a\nb')
  expect(stub.requests[0]?.url).toBe('/api/runs/r1/log?follow=')
})

test('run wait ends well when all runs are done', async () => {
  const answers: StubAnswer[] = [{ json: running }, { json: done }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? { status: 500 })
  const { code, stdout, stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual(done)
  expect(stderr).toContain(`${idOf('r1')}: running\n`)
})

test('run wait fails when one has failed, and says where to look', async () => {
  await using stub = await stubOfTheWire(() => ({ json: failed }))
  const { code, stdout, stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual(failed)
  expect(stderr).toBe(
    `run ${idOf('r1')}: failed (exit code 3: Error)\ntry: knit run show --log ${idOf('r1')}\n`,
  )
})

test('an interrupt ends a wait with exit code 130', async () => {
  const interrupt = new AbortController()
  await using stub = await stubOfTheWire(() => {
    setImmediate(() => interrupt.abort())
    return { json: running }
  })
  const world = { signal: interrupt.signal }
  expect((await knit(['run', 'wait', 'r1'], projectFor(stub), world)).code).toBe(130)
})

test('what cannot be reached is told with what to look at', async () => {
  await using stub = await stubOfTheWire(() => 'hang up')
  const dir = projectFor(stub)
  const { code, stderr } = await knit(['plan', 'active', 'yes', 'x'], dir)
  expect(code).toBe(1)
  expect(stderr).toMatch(/^cannot reach http:\/\/127\.0\.0\.1:\d+: .*\ntry: the same command again/)
})
