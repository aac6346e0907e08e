import { describe, expect } from 'vitest'
import { tgz, entry } from '#shared/archive/test-archives.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { md5, send } from '#tests/support/over-socket.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { TestWorld } from '#tests/support/world.ts'
import { expectError, expectKind, nobody, planSpec, test, type Kind } from './wire.ts'

/** A route, and what is asked of it so that it succeeds. */
type Row = {
  line: string
  /** What stands for the parameter of the path. */
  of?: (world: TestWorld) => Promise<string>
  body?: () => unknown
  answers: Kind | `${Kind}[]` | 'nothing'
  status?: number
  /** The reason when there is nothing of that id. */
  absent?: string
}

const plan = (world: TestWorld) => makePlan(world, { inputs: { '/in': ['a:1'] } })
const runThatIs = (status: RunStatus) => async (world: TestWorld) =>
  (await makeRun(world, { status })).runId

const rows: Row[] = [
  { line: 'GET /api/data', answers: 'DataDetail[]' },
  {
    line: 'PUT /api/data/:knitId',
    of: (world) => makeData(world),
    body: () => ({ add: ['a:1'] }),
    answers: 'DataDetail',
    absent: 'correspontind data is missing',
  },
  {
    line: 'GET /api/data/:knitId/metadata',
    of: (world) => makeData(world),
    answers: 'DataDetail',
  },
  { line: 'GET /api/plans', answers: 'PlanDetail[]' },
  { line: 'POST /api/plans', body: planSpec, answers: 'PlanDetail' },
  { line: 'GET /api/plans/:planId', of: plan, answers: 'PlanDetail' },
  { line: 'PUT /api/plans/:planId/active', of: plan, answers: 'PlanDetail' },
  { line: 'DELETE /api/plans/:planId/active', of: plan, answers: 'PlanDetail' },
  {
    line: 'PUT /api/plans/:planId/resources',
    of: plan,
    body: () => ({ set: { cpu: 2 }, unset: ['memory'] }),
    answers: 'PlanDetail',
  },
  {
    line: 'PUT /api/plans/:planId/annotations',
    of: plan,
    body: () => ({ add: ['a=1'], remove: [], remove_key: ['b'] }),
    answers: 'PlanDetail',
  },
  {
    line: 'PUT /api/plans/:planId/serviceaccount',
    of: plan,
    body: () => ({ service_account: 'trainer' }),
    answers: 'PlanDetail',
  },
  { line: 'DELETE /api/plans/:planId/serviceaccount', of: plan, answers: 'PlanDetail' },
  { line: 'GET /api/runs', answers: 'RunDetail[]' },
  { line: 'GET /api/runs/:runId', of: runThatIs('done'), answers: 'RunDetail' },
  { line: 'PUT /api/runs/:runId/abort', of: runThatIs('running'), answers: 'RunDetail' },
  { line: 'PUT /api/runs/:runId/tearoff', of: runThatIs('running'), answers: 'RunDetail' },
  { line: 'PUT /api/runs/:runId/retry', of: runThatIs('failed'), answers: 'nothing' },
  { line: 'DELETE /api/runs/:runId', of: runThatIs('done'), answers: 'nothing', status: 204 },
]

const parameter = /:(\w+)/
const named = (line: string) => parameter.exec(line)?.[1] ?? ''

describe.each(rows)('$line', ({ line, of, body, answers, status = 200, absent = 'not found' }) => {
  test(`succeeds with ${status} and answers ${answers}`, async ({ ask, world }) => {
    await makeRun(world, { status: 'done' })
    const reply = await ask(line.replace(parameter, (await of?.(world)) ?? ''), body?.())
    expect({ status: reply.status, text: reply.text }).toMatchObject({ status })
    expect(reply.headers['content-type']).toBe('application/json')
    if (answers === 'nothing') {
      expect(reply.text).toBe('')
      return
    }
    expect(reply.text.endsWith('\n')).toBe(true)
    const kind = answers.replace('[]', '') as Kind
    const things: object[] = answers.endsWith('[]') ? reply.json : [reply.json]
    expect(things.length).toBeGreaterThan(0)
    for (const thing of things) expectKind(thing, kind)
  })

  if (parameter.test(line))
    test(`${named(line)} that is unknown, malformed or empty is the planned 404`, async ({
      ask,
    }) => {
      for (const id of [nobody, 'nonsense', nobody.toUpperCase(), '%20'])
        expectError(await ask(line.replace(parameter, id), body?.()), 404, absent)
      expectError(await ask(`${line.replace(parameter, '')}/`, body?.()), 404, absent)
    })
})

describe('POST /api/data', () => {
  const archive = tgz(entry({ name: 'a/b' }, 'hello'), entry({ name: 'c' }, 'there'))

  test('takes an archive of any content type and answers DataDetail', async ({ front }) => {
    const headers = { 'content-type': 'application/tar+gzip' }
    for (const wish of [{ headers }, {}]) {
      const reply = await send(front, { method: 'POST', path: '/api/data', body: archive, ...wish })
      expect(reply.status).toBe(200)
      expectKind(JSON.parse(reply.text) as object, 'DataDetail')
    }
  })

  test('what is no archive is 400', async ({ front }) => {
    const body = Buffer.from('none')
    const reply = await send(front, { method: 'POST', path: '/api/data', body })
    expectError(reply, 400, 'bad request')
  })
})

describe('GET /api/data/:knitId', () => {
  test('sends an archive, chunked, with its checksum announced and behind it', async ({
    front,
    ask,
  }) => {
    const body = tgz(entry({ name: 'a' }, 'hello'))
    const up = await send(front, { method: 'POST', path: '/api/data', body })
    const { knitId } = JSON.parse(up.text) as { knitId: string }
    const reply = await ask(`GET /api/data/${knitId}`)
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'content-type': 'application/tar+gzip',
      'transfer-encoding': 'chunked',
      trailer: 'x-checksum-md5',
    })
    expect(reply.trailers).toEqual({ 'x-checksum-md5': md5(reply.body) })
  })

  test('knitId that is unknown, malformed or empty is the planned 404', async ({ ask }) => {
    for (const id of [nobody, 'nonsense', '/'])
      expectError(await ask(`GET /api/data/${id}`), 404, 'not found')
  })
})

describe('GET /api/runs/:runId/log', () => {
  test('sends bytes, chunked, and no checksum', async ({ ask, world }) => {
    const { runId } = await makeRun(world, { status: 'done' })
    const reply = await ask(`GET /api/runs/${runId}/log`)
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'transfer-encoding': 'chunked',
    })
    expect(reply.headers).not.toHaveProperty('trailer')
  })

  test('runId that is unknown, malformed or empty is the planned 404', async ({ ask }) => {
    for (const id of [nobody, 'nonsense', ''])
      expectError(await ask(`GET /api/runs/${id}/log`), 404, 'not found')
  })
})
