import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RunHistory } from '#shared/domain/run-history.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { knowsKeys, stubOfTheWire, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleRun } from '#shared/client/wire-samples.ts'
import { withoutPauses } from '#shared/client/without-pauses.ts'
import { knit, projectFor, serverThat } from '../../testing.ts'

const done = sampleRun('r1', { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']], log: 'l1' })
const running = { ...done, status: 'running' as const }
const exit = { code: 3, message: 'Error' }
const failed = { ...done, status: 'failed' as const, exit }
const times = { startedAt: '2025-01-02T03:04:01+00:00', endedAt: '2025-01-02T03:04:02.5+00:00' }
const gone = { code: 254, message: 'gone' }
const lost = {
  ...failed,
  exit: gone,
  reason: 'its worker vanished',
  attempt: 1,
  createdAt: '2025-01-02T03:04:00+00:00',
  ...times,
  attempts: [
    {
      attempt: 1,
      image: 'reg.test/train@sha256:1',
      variables: ['TOKEN', 'URL'],
      ...times,
      exit: gone,
      cause: 'machine' as const,
    },
  ],
}
const history: RunHistory = {
  runId: done.runId,
  moves: [
    { attempt: 1, status: 'waiting', at: '2025-01-02T03:04:00+00:00', by: 'project-runs' },
    {
      attempt: 1,
      from: 'waiting',
      status: 'done',
      at: '2025-01-02T03:04:03+00:00',
      by: 'finish-run',
    },
  ],
  attempts: [],
  milestones: [
    { attempt: 1, name: 'projected', at: '2025-01-02T03:04:00+00:00' },
    { attempt: 1, name: 'program-ended', at: '2025-01-02T03:04:03+00:00' },
  ],
}

const zone = process.env.TZ
beforeEach(() => void (process.env.TZ = 'Asia/Tokyo'))
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

test('run find joins what is repeated with commas and sends no window of its own', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [done] }))
  const words = [
    'run',
    'find',
    '-p',
    idOf('a'),
    '--planid',
    idOf('b'),
    '-s',
    'done',
    '--status=failed',
  ]
  const { stdout } = await knit(words, projectFor(stub))
  expect(JSON.parse(stdout)).toEqual([done])
  expect(stub.requests[0]?.url).toBe(
    `/api/runs?plan=${idOf('a')}%2C${idOf('b')}&status=done%2Cfailed`,
  )
})

test('run find makes a table for people', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [failed] }))
  const { stdout } = await knit(['run', 'find', '--output', 'table'], projectFor(stub))
  const [head, row] = stdout.split('\n')
  expect(head).toMatch(/^RUN ID +STATUS +UPDATED +TOOK +IMAGE +WHY$/)
  expect(row).toMatch(/failed +\S+ +knit#uploaded +exit code 3: Error$/)
})

test('run find says why a run is where it is, and how long its program took', async () => {
  const waits = { ...running, status: 'waiting', reason: 'it waits for its turn; place 2 of 2' }
  await using stub = await stubOfTheWire(() => ({ json: [lost, waits] }))
  const { stdout } = await knit(['run', 'find', '--output', 'table'], projectFor(stub))
  const [, first, second] = stdout.split('\n')
  expect(first).toMatch(/failed +\S+ +1\.50 s +knit#uploaded +its worker vanished$/)
  expect(second).toMatch(/waiting +\S+ +knit#uploaded +it waits for its turn; place 2 of 2$/)
})

test('run show prints all the server says of a run, and shows people the same', async () => {
  await using stub = await stubOfTheWire(() => ({ json: lost }))
  const dir = projectFor(stub)
  expect(JSON.parse((await knit(['run', 'show', lost.runId], dir)).stdout)).toEqual(lost)
  const { stdout } = await knit(['run', 'show', lost.runId, '--output', 'table'], dir)
  const shown = stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))
  expect(shown).toEqual([
    `run | ${lost.runId}`,
    'status | failed',
    'why | its worker vanished',
    `plan | ${lost.plan.planId} | knit#uploaded`,
    'created | 2025-01-02T12:04:00+09:00',
    'updated | 2025-01-02T12:04:05.678+09:00',
    'exit | 254',
    `input | ${idOf('d1')} | /in`,
    `output | ${idOf('m1')} | /out`,
    `log | ${idOf('l1')}`,
    'by hooks $TOKEN $URL',
    '',
    'ATTEMPT | STARTED | TOOK | EXIT | MESSAGE | IMAGE',
    '1 | 2025-01-02T12:04:01+09:00 | 1.50 s | 254 | gone | reg.test/train@sha256:1',
    '',
  ])
})

test('run show prints as much as other servers say', async () => {
  await using stub = await stubOfTheWire(() => ({ json: failed }))
  const words = ['run', 'show', failed.runId, '--output', 'table']
  const { stdout } = await knit(words, projectFor(stub))
  expect(stdout).toContain('why      Error\n')
  expect(stdout).not.toContain('ATTEMPT')
})

test('run show --history is JSON for programs, and a drawing for people at a terminal', async () => {
  await using stub = await stubOfTheWire(() => ({ json: history }))
  const dir = projectFor(stub)
  const words = ['run', 'show', idOf('r1'), '--history']
  expect(JSON.parse((await knit(words, dir)).stdout)).toEqual(history)
  expect(stub.requests[0]?.url).toBe(`/api/runs/${idOf('r1')}/history`)
  const drawn = (await knit([...words, '--output', 'table'], dir)).stdout
  expect(drawn).toMatch(/^WHEN +ATTEMPT/)
  expect(drawn).not.toContain('\u001b')
  const atTerminal = await knit(words, dir, { terminal: true })
  expect(stripVTControlCharacters(atTerminal.stdout)).toBe(drawn)
  expect(atTerminal.stdout).toContain('\u001b[32m█')
  const plain = await knit(words, dir, { terminal: true, env: { NO_COLOR: '1' } })
  expect(plain.stdout).toBe(drawn)
  const forced = await knit([...words, '--output', 'json'], dir, { terminal: true })
  expect(JSON.parse(forced.stdout)).toEqual(history)
})

test('run show --log copies the log to stdout', async () => {
  await using stub = await stubOfTheWire(() => ({ body: 'a\nb' }))
  const { stdout } = await knit(['run', 'show', idOf('r1'), '--log', '-f'], projectFor(stub))
  expect(stdout).toBe('a\nb')
  expect(stub.requests[0]?.url).toBe(`/api/runs/${idOf('r1')}/log?follow=`)
})

test('run show --log --follow waits for the run to begin, and goes on over lines that break', async () => {
  withoutPauses()
  const answers: StubAnswer[] = [
    { status: 503, json: { code: 'not-yet', title: 'Not yet', detail: 'It is waiting.' } },
    { status: 503, json: { code: 'not-yet', title: 'Not yet', detail: 'It is waiting.' } },
    { body: 'one\ntw', cut: true },
    { body: 'one\ntwo\nthree\n' },
  ]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const words = ['run', 'show', '--log', '--follow', idOf('r1')]
  const { code, stdout, stderr } = await knit(words, projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\ntwo\nthree\n' })
  expect(stderr.match(/It is waiting\./g)).toHaveLength(1)
  expect(answers).toEqual([])
})

test('run show --log --follow goes on however long the server is away, and says once that it does', async () => {
  withoutPauses()
  const hangUps = Array.from({ length: 50 }, () => 'hang up' as const)
  const busy = { status: 502, body: 'Bad Gateway' }
  const answers = [{ body: 'one\ntw', cut: true }, ...hangUps, busy, { body: 'one\ntwo\n' }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? { status: 404 })
  const words = ['run', 'show', '--log', '--follow', idOf('r1')]
  const { code, stdout, stderr } = await knit(words, projectFor(stub))
  expect({ code, stdout, left: answers.length }).toEqual({ code: 0, stdout: 'one\ntwo\n', left: 0 })
  expect(stderr.match(/waiting until it is back/g)).toHaveLength(1)
})

test('run show --log of a run that has not begun is refused at once', async () => {
  const detail = { code: 'not-yet', title: 'Not yet', detail: 'It is waiting.' }
  await using stub = await stubOfTheWire(() => ({ status: 503, json: detail }))
  const words = ['run', 'show', '--log', idOf('r1')]
  const { code, stderr } = await knit(words, projectFor(stub))
  expect(code).toBe(1)
  expect(stderr).toContain('It is waiting.')
  expect(stderr).toMatch(/\ntry: knit run show \S+ --log --follow\n$/)
  expect(stub.requests).toHaveLength(1)
})

test('run wait ends well when all runs are done', async () => {
  const answers: StubAnswer[] = [{ json: running }, { json: done }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? { status: 500 })
  const { code, stdout, stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual(done)
  expect(stderr).toContain(`run ${idOf('r1')}: running\n`)
})

test('run wait goes on while a server that was there is away, and says once that it does', async () => {
  withoutPauses()
  const busy = { status: 503, json: { code: 'unavailable', detail: 'It is away.' } }
  const hangUps = Array.from({ length: 20 }, () => 'hang up' as const)
  const answers = [{ json: running }, ...hangUps, busy, { json: running }, busy, { json: done }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? { status: 404 })
  const { code, stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect({ code, left: answers.length }).toEqual({ code: 0, left: 0 })
  expect(stderr.match(/[^:]* waiting until it is back$/gm)).toEqual([
    expect.stringContaining('the connection was closed before an answer;'),
    expect.stringContaining('It is away;'),
  ])
})

test.each([401, 403, 404])('an answer of %d ends run wait', async (status) => {
  const answers = [{ json: running }, 'hang up' as const, { status, json: { message: 'no' } }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? { json: done })
  expect((await knit(['run', 'wait', idOf('r1')], projectFor(stub))).code).toBe(1)
})

test('run wait fails for a server that never was there as soon as any command', async () => {
  withoutPauses()
  await using stub = await stubOfTheWire(() => 'hang up')
  expect((await knit(['run', 'wait', idOf('r1')], projectFor(stub))).code).toBe(1)
  expect(stub.requests).toHaveLength(7)
})

test('run wait fails when one has failed, and says where to look', async () => {
  await using stub = await stubOfTheWire(() => ({ json: failed }))
  const { code, stdout, stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual(failed)
  expect(stderr).toBe(
    `run ${idOf('r1')}: failed: exit code 3: Error\ntry: knit run show --log ${idOf('r1')}\n`,
  )
})

test('run wait tells why a run is where it is, each time that changes', async () => {
  const waits = { ...running, status: 'waiting', reason: 'place 2 of 2' }
  const answers = [waits, waits, { ...waits, reason: 'place 1 of 2' }, done]
  await using stub = await stubOfTheWire(() => ({ json: answers.shift() }))
  const { stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect(stderr.match(/place \d of 2/g)).toEqual(['place 2 of 2', 'place 1 of 2'])
})

test('of a run whose program never began, it is not the log that tells why', async () => {
  const refused = { ...lost, startedAt: undefined }
  await using stub = await stubOfTheWire(() => ({ json: refused }))
  const { stderr } = await knit(['run', 'wait', lost.runId], projectFor(stub))
  expect(stderr).toBe(
    `run ${lost.runId}: failed: its worker vanished\ntry: knit run show ${lost.runId} --output table\n`,
  )
})

test('of a run that was deleted there is no log to look at', async () => {
  const deleted = { ...failed, status: 'invalidated', reason: 'deleted by user' }
  await using stub = await stubOfTheWire(() => ({ json: deleted }))
  const { stderr } = await knit(['run', 'wait', idOf('r1')], projectFor(stub))
  expect(stderr).toMatch(/try: knit run show \S+ --output table\n$/)
})

test.each([
  [['stop'], 'PUT tearoff', 'running'],
  [['stop', '--fail'], 'PUT abort', 'running'],
  [['stop', '-x'], 'PUT abort', 'running'],
  [['retry'], 'PUT retry', 'executed once more'],
  [['rm'], 'DELETE', 'deleted'],
])('run %s asks for one thing and prints nothing but a note', async (words, asked, says) => {
  await using stub = await stubOfTheWire(({ url }) => {
    if (/abort|tearoff/.test(url)) return { json: running }
    return { status: url.endsWith('retry') ? 200 : 204 }
  })
  const { code, stdout, stderr } = await knit(['run', ...words, idOf('r1')], projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toContain(says)
  const [method = '', verb] = asked.split(' ')
  const url = [`/api/runs/${idOf('r1')}`, verb].filter(Boolean).join('/')
  expect(stub.requests).toMatchObject([{ method, url }])
  expect(stub.requests[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
})

test.each(
  ['retry', 'rm'].flatMap((verb) => ['no\n', '', 'y\n'].map((said) => [verb, said] as const)),
)('run %s asks who sits at a terminal, and takes %j at its word', async (verb, said) => {
  await using stub = await stubOfTheWire(() => ({}))
  const stdin = Object.assign(Readable.from([said]), { isTTY: true })
  const world = { stdin, terminal: true }
  const { code, stderr } = await knit(['run', verb, idOf('r1')], projectFor(stub), world)
  expect(code).toBe(0)
  expect(stderr).toMatch(new RegExp(`${idOf('r1')} .*\\? \\[y/N\\] `))
  expect(stderr.includes('nothing was done')).toBe(said !== 'y\n')
  expect(stub.requests).toHaveLength(said === 'y\n' ? 1 : 0)
})

test('Ctrl-C at a question is no answer: nothing is done, and what follows in a script is not, either', async () => {
  await using stub = await stubOfTheWire(() => ({}))
  const stdin = Object.assign(Readable.from(['\u0003']), { isTTY: true })
  const rm = await knit(['run', 'rm', idOf('r1')], projectFor(stub), { stdin, terminal: true })
  expect(rm.code).toBe(130)
  expect(stub.requests).toEqual([])
})

test.each(['retry', 'rm'])('run %s --yes asks nobody', async (verb) => {
  await using stub = await stubOfTheWire(() => ({}))
  const stdin = Object.assign(Readable.from([]), { isTTY: true })
  const world = { stdin, terminal: true }
  const { stderr } = await knit(['run', verb, '--yes', idOf('r1')], projectFor(stub), world)
  expect(stderr).not.toContain('[y/N]')
  expect(stub.requests).toHaveLength(1)
})

test('who could not see the question is not asked', async () => {
  await using stub = await stubOfTheWire(() => ({}))
  const stdin = Object.assign(Readable.from([]), { isTTY: true })
  const { stderr } = await knit(['run', 'rm', idOf('r1')], projectFor(stub), { stdin })
  expect(stderr).not.toContain('[y/N]')
  expect(stub.requests).toHaveLength(1)
})

test('a run that cannot be deleted is told with what stands against it and what to do', async () => {
  const detail = `The run ${idOf('r1')} cannot be deleted: what it has written is read by ${idOf('r2')} (done, of i:1).`
  await using stub = await stubOfTheWire(() => ({
    status: 409,
    json: { code: 'run-in-use', title: 'In use', detail },
  }))
  const { code, stderr } = await knit(['run', 'rm', idOf('r1'), '--yes'], projectFor(stub))
  expect(code).toBe(1)
  expect(stderr).toBe(
    `run rm ${idOf('r1')}: ${detail} (HTTP 409)\ntry: knit run show ${idOf('r2')}\n`,
  )
})

test.each([
  ['stop', 'PUT tearoff'],
  ['stop --fail', 'PUT abort'],
  ['retry', 'PUT retry'],
  ['rm', 'DELETE'],
])(
  'run %s goes on behind a run that is refused, and says which it was and why',
  async (words, asked) => {
    await using stub = await stubOfTheWire(({ url }) => {
      if (url.includes(idOf('r2')))
        return {
          status: 404,
          json: { code: 'run-not-found', title: 'None', detail: 'It is gone.' },
        }
      return /abort|tearoff/.test(url) ? { json: running } : {}
    })
    const ids = ['r1', 'r2', 'r1', 'r3'].map(idOf)
    const line = ['run', ...words.split(' '), ...ids]
    const { code, stdout, stderr } = await knit(line, projectFor(stub))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    const [method = '', verb] = asked.split(' ')
    expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(
      ['r1', 'r2', 'r3'].map((name) =>
        [`${method} /api/runs/${idOf(name)}`, verb].filter(Boolean).join('/'),
      ),
    )
    const name = `run ${words.split(' ')[0]}`
    expect(stderr.match(/^(?!\[).*$/gm)).toEqual([
      `${name} ${idOf('r2')}: It is gone. (HTTP 404)`,
      'try: knit run find',
      '',
    ])
    expect(stderr.match(/^\[.*? (\S+): /gm)).toHaveLength(2)
  },
)

test('of several runs, those that are left when the server goes away are named, with what acts on them', async () => {
  withoutPauses()
  await using stub = await stubOfTheWire(
    ({ url }) => (url.includes(idOf('r1')) ? { json: running } : 'hang up'),
    knowsKeys,
  )
  const ids = ['r1', 'r2', 'r3', 'r4'].map(idOf)
  const { code, stderr } = await knit(['run', 'stop', '-x', ...ids], projectFor(stub))
  expect(code).toBe(1)
  const [what, next, ...rest] = stderr.match(/^(?!\[).*$/gm) ?? []
  expect(what).toMatch(/^run stop \S+: cannot reach .*; it may have been done$/)
  expect(next).toBe(`try: knit run show ${idOf('r2')} --output table`)
  expect(rest).toEqual([
    `not tried any more: ${idOf('r3')}, ${idOf('r4')}`,
    `try: knit run stop --fail ${idOf('r3')} ${idOf('r4')}`,
    '',
  ])
  expect(stub.requests.filter(({ url }) => url.includes(idOf('r3')))).toEqual([])
})

test.each(['retry', 'rm'])('run %s asks once for all of several runs', async (verb) => {
  await using stub = await stubOfTheWire(() => ({}))
  const ask = (said: string) => {
    const stdin = Object.assign(Readable.from([said]), { isTTY: true })
    const ids = [idOf('r1'), idOf('r2')]
    return knit(['run', verb, ...ids], projectFor(stub), { stdin, terminal: true })
  }
  expect((await ask('n\n')).stderr).toContain('nothing was done')
  expect(stub.requests).toEqual([])
  const { code, stderr } = await ask('y\n')
  expect(code).toBe(0)
  expect(stderr.match(/ 2 runs .*\? \[y\/N\] /g)).toHaveLength(1)
  expect(stub.requests).toHaveLength(2)
})

test('Ctrl-C between two runs leaves the others as they are', async () => {
  const interrupt = new AbortController()
  await using stub = await stubOfTheWire(() => {
    interrupt.abort()
    return {}
  })
  const ids = [idOf('r1'), idOf('r2')]
  const world = { signal: interrupt.signal }
  const { code, stderr } = await knit(['run', 'rm', ...ids], projectFor(stub), world)
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
  expect(stub.requests).toHaveLength(1)
})

/** Answers as a server that has these runs, or these once those before have not all ended, and so on. */
function serving(...states: RunDetail[][]) {
  return ({ url }: { url: string }): StubAnswer => {
    const { searchParams } = new URL(url, 'http://h')
    const statuses = searchParams.get('status')?.split(',') ?? []
    const found = states[0]?.filter(({ status }) => statuses.includes(status)) ?? []
    if (statuses.includes('running') && states.length > 1) states.shift()
    return { json: found.slice(0, Number(searchParams.get('limit') ?? found.length)) }
  }
}

const other = { ...running, runId: idOf('r2') }
const third = { ...running, runId: idOf('r3') }

test('run wait --planid waits until the plan has runs, and all of them have ended', async () => {
  const all = [done, { ...other, status: 'done' as const }, { ...third, status: 'done' as const }]
  const states = [[], [running], [done, other, third], all]
  await using stub = await stubOfTheWire(serving(...states))
  const words = ['run', 'wait', '--planid', idOf('p1'), '--output', 'name']
  const { code, stdout, stderr } = await knit(words, projectFor(stub))
  const printed = all.map(({ runId }) => `${runId}\n`).join('')
  expect({ code, stdout }).toEqual({ code: 0, stdout: printed })
  expect(stderr.match(/(?<=plan \S+: ).*$/gm)).toEqual([
    'no run yet',
    'runs still to end: 1',
    'runs still to end: 2',
  ])
  const asked = stub.requests.map(({ url }) => new URL(url, 'http://h').searchParams)
  expect(asked.map((query) => query.get('plan'))).toEqual(asked.map(() => idOf('p1')))
  // Whether one has ended, as long as none has, and those that have not; then all that have.
  expect(asked.map((query) => query.get('limit'))).toEqual([
    '1',
    '100',
    '1',
    '100',
    '1',
    '100',
    '100',
    null,
  ])
})

test('run wait --planid fails when some of the runs have, and names the first of them', async () => {
  const many = Array.from({ length: 12 }, (_, at) => ({ ...lost, runId: idOf(`f${at}`) }))
  await using stub = await stubOfTheWire(serving([done, ...many]))
  const words = ['run', 'wait', '-p', idOf('p1')]
  const { code, stderr } = await knit(words, projectFor(stub))
  expect(code).toBe(1)
  expect(stderr).toContain(`run ${idOf('f0')}: failed: its worker vanished; run ${idOf('f1')}: `)
  expect(stderr).toMatch(/its worker vanished; and 2 more\ntry: /)
  expect(stderr).toContain(`try: knit run show --log ${idOf('f0')}\n`)
})

test('run wait --planid does not wait for what is left of a run that was deleted', async () => {
  const deleted = { ...other, status: 'invalidated' as const }
  await using stub = await stubOfTheWire(serving([deleted, done]))
  const words = ['run', 'wait', '-p', idOf('p1'), '--output', 'name']
  const { code, stdout } = await knit(words, projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${idOf('r1')}\n` })
})

test('run wait --planid reads no more of a long list than tells that it has to wait', async () => {
  await using endless = await serverThat((_, response) => {
    const one = Buffer.from(`${JSON.stringify(running)},`)
    response.write('[')
    Readable.from(repeated(one)).pipe(response)
  })
  const words = ['run', 'wait', '-p', idOf('p1'), '--timeout', '1s']
  const { stderr } = await knit(words, projectFor(endless))
  expect(stderr).toContain(`plan ${idOf('p1')}: runs still to end: 100 or more\n`)
})

function* repeated<T>(one: T): Generator<T> {
  for (;;) yield one
}

test('run wait --in-knitid waits until a run reads the data, and all that do have ended', async () => {
  await using stub = await stubOfTheWire(serving([], [running], [done]))
  const words = ['run', 'wait', '--in-knitid', idOf('d1'), '--output', 'name']
  const { code, stdout, stderr } = await knit(words, projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${idOf('r1')}\n` })
  expect(stderr.match(/data \S+: .*$/gm)).toEqual([
    `data ${idOf('d1')}: no run yet`,
    `data ${idOf('d1')}: runs still to end: 1`,
  ])
  for (const { url } of stub.requests)
    expect(url).toContain(`/api/runs?knitIdInput=${idOf('d1')}&status=`)
})

test('run wait prints a run once, however many ways lead to it', async () => {
  const list = serving([done])
  await using stub = await stubOfTheWire((asked) =>
    asked.url.includes('?') ? list(asked) : { json: done },
  )
  const words = ['run', 'wait', idOf('r1'), '-p', idOf('p1'), '-i', idOf('d1'), '-i', idOf('d2')]
  const { stdout } = await knit([...words, '--output', 'name'], projectFor(stub))
  expect(stdout).toBe(`${idOf('r1')}\n`)
})

test('run wait --timeout fails in the end, with where each that is waited for stands', async () => {
  const waits = { ...running, status: 'waiting', reason: 'place 2 of 2' }
  const [none, list] = [serving([]), serving([done])]
  await using stub = await stubOfTheWire((asked) => {
    if (asked.url.includes('knitIdInput')) return none(asked)
    return asked.url.includes('plan=') ? list(asked) : { json: waits }
  })
  const words = ['run', 'wait', idOf('r1'), '-p', idOf('p1'), '-i', idOf('d1'), '--timeout', '1s']
  const { code, stdout, stderr } = await knit(words, projectFor(stub))
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.split('\n').slice(-3)).toEqual([
    `not over after 1.00 s: run ${idOf('r1')}: waiting: place 2 of 2; data ${idOf('d1')}: no run yet`,
    `try: knit run show ${idOf('r1')} --output table`,
    '',
  ])
})

test.each([
  ['30d', 'expected at most 23 d 3 h'],
  ['60d', 'expected at most 23 d 3 h'],
  ['-5s', 'is no length of time of a second or more'],
  ['0', 'is no length of time of a second or more'],
  ['1ms', 'is no length of time of a second or more'],
])('run wait --timeout %s is misuse, as no timer waits for that', async (span, message) => {
  await using stub = await stubOfTheWire(() => ({ json: done }))
  const words = ['run', 'wait', idOf('r1'), '--timeout', span]
  const { code, stderr } = await knit(words, projectFor(stub))
  expect({ code, asked: stub.requests }).toEqual({ code: 2, asked: [] })
  expect(stderr).toMatch(/^usage error: --timeout: /)
  expect(stderr).toContain(message)
})

test('run wait --timeout takes as long as a timer can wait', async () => {
  await using stub = await stubOfTheWire(() => ({ json: done }))
  const words = ['run', 'wait', idOf('r1'), '--timeout', '2000000s']
  expect(await knit(words, projectFor(stub))).toMatchObject({ code: 0, stderr: '' })
})

test('run wait --timeout ends the wait for a server that is away', async () => {
  const answers = [{ json: running }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const words = ['run', 'wait', idOf('r1'), '--timeout', '1s']
  const { code, stderr } = await knit(words, projectFor(stub))
  expect(code).toBe(1)
  expect(stderr).toContain(`not over after 1.00 s: run ${idOf('r1')}: running`)
})

test('run wait --timeout says so, too, where no answer has come', async () => {
  await using silent = await serverThat(() => {})
  const words = ['run', 'wait', '-i', idOf('d1'), '--timeout', '1s']
  const { code, stderr } = await knit(words, projectFor(silent))
  expect(code).toBe(1)
  expect(stderr).toBe(
    `not over after 1.00 s: data ${idOf('d1')}: the server has not answered yet\ntry: knit run find --in-knitid ${idOf('d1')} --output table\n`,
  )
})

test('run wait waits for nothing any more once one of the runs cannot be found', async () => {
  const left = Promise.withResolvers<void>()
  await using server = await serverThat(({ url }, response) => {
    if (url?.endsWith(idOf('r1'))) response.once('close', left.resolve)
    else response.writeHead(404).end(JSON.stringify({ code: 'run-not-found', title: 'None' }))
  })
  const { code } = await knit(['run', 'wait', idOf('r1'), idOf('r2')], projectFor(server))
  expect(code).toBe(1)
  await left.promise
})

test('run wait looks at a few runs at a time, over as many lines, however many are waited for', async () => {
  const [lines, asked] = [new Set<Socket>(), new Map<string, number>()]
  await using server = await serverThat(({ socket, url = '' }, response) => {
    lines.add(socket)
    const times = (asked.get(url) ?? 0) + 1
    asked.set(url, times)
    const runId = url.slice(url.lastIndexOf('/') + 1)
    response.end(JSON.stringify({ ...(times === 1 ? running : done), runId }))
  })
  const ids = Array.from({ length: 60 }, (_, index) => idOf(`r${index}`))
  const words = ['run', 'wait', ...ids, '--output', 'name']
  const { code, stdout } = await knit(words, projectFor(server))
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${ids.join('\n')}\n` })
  expect([...asked.values()]).toEqual(ids.map(() => 2))
  expect(lines.size).toBe(8)
})

test('an interrupt ends a wait with exit code 130', async () => {
  const interrupt = new AbortController()
  await using stub = await stubOfTheWire(() => {
    setImmediate(() => interrupt.abort())
    return { json: running }
  })
  const world = { signal: interrupt.signal }
  expect((await knit(['run', 'wait', idOf('r1')], projectFor(stub), world)).code).toBe(130)
})

test('what cannot be reached is told with what to look at', async () => {
  withoutPauses()
  await using stub = await stubOfTheWire(() => 'hang up')
  const dir = projectFor(stub)
  const { code, stderr } = await knit(['plan', 'show', idOf('x')], dir)
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^cannot reach http:\/\/127\.0\.0\.1:\d+: .*\ntry: check the .*, then: knit plan show \S+\n$/,
  )
})

test('what may have been done before a server went away is told as that, with what shows it', async () => {
  withoutPauses()
  await using stub = await stubOfTheWire(() => 'hang up', knowsKeys)
  const { code, stderr } = await knit(['run', 'retry', idOf('x')], projectFor(stub))
  expect(code).toBe(1)
  expect(stderr).toMatch(/: cannot reach .*; it may have been done\ntry: knit run show \S+ --/)
})

test('who sits at a terminal is told that a server that is away is waited for', async () => {
  withoutPauses()
  await using stub = await stubOfTheWire(() => 'hang up')
  const { stderr } = await knit(['run', 'find'], projectFor(stub), { terminal: true })
  const [waiting, failed] = stderr.split('\n')
  expect(waiting).toMatch(/^\[knit run find\] .* cannot reach .*; trying for 4 seconds more/)
  expect(failed).toMatch(/^cannot reach/)
})
