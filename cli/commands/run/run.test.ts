import { Readable } from 'node:stream'
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

test.each([
  [['stop'], 'PUT /api/runs/r1/tearoff', 'running'],
  [['stop', '--fail'], 'PUT /api/runs/r1/abort', 'running'],
  [['stop', '-x'], 'PUT /api/runs/r1/abort', 'running'],
  [['retry'], 'PUT /api/runs/r1/retry', 'executed once more'],
  [['rm'], 'DELETE /api/runs/r1', 'deleted'],
])('run %s asks for one thing and prints nothing but a note', async (words, asked, says) => {
  await using stub = await stubOfTheWire(({ url }) => {
    if (/abort|tearoff/.test(url)) return { json: running }
    return { status: url.endsWith('retry') ? 200 : 204 }
  })
  const { code, stdout, stderr } = await knit(['run', ...words, 'r1'], projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toContain(says)
  expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([asked])
  expect(stub.requests[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
})

test.each([
  ['no\n', []],
  ['y\n', ['DELETE']],
])('run rm asks who sits at a terminal, and takes %j at its word', async (said, methods) => {
  await using stub = await stubOfTheWire(() => ({ status: 204 }))
  const stdin = Object.assign(Readable.from([said]), { isTTY: true })
  const { code, stderr } = await knit(['run', 'rm', 'r1'], projectFor(stub), { stdin })
  expect(code).toBe(0)
  expect(stderr).toContain('[y/N]')
  expect(stub.requests.map(({ method }) => method)).toEqual(methods)
})

test('a run that cannot be deleted is told with what stands against it and what to do', async () => {
  const detail = 'The run r1 cannot be deleted: what it has written is read by r2 (done, of i:1).'
  await using stub = await stubOfTheWire(() => ({
    status: 409,
    json: { code: 'run-in-use', title: 'In use', detail },
  }))
  const { code, stderr } = await knit(['run', 'rm', 'r1', '--yes'], projectFor(stub))
  expect(code).toBe(1)
  expect(stderr).toBe(`run rm r1: ${detail} (HTTP 409)\ntry: knit run rm with those runs first\n`)
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
