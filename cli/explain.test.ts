import { expect, test } from 'vitest'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { ApiError, ConnectionError, MaybeDone } from '#shared/client/api-error.ts'
import { idOf } from '#shared/client/wire-samples.ts'
import { problems, type ProblemCode } from '#shared/contracts/problems.ts'
import { explain, type Doing } from './explain.ts'

const push: Doing = {
  name: 'knit data push',
  about: ['my set'],
  line: "knit data push 'my set' --tag a:b",
}
const pull: Doing = {
  name: 'knit data pull',
  about: [idOf('d1'), 'out'],
  line: `knit data pull -x ${idOf('d1')} out`,
}
const log: Doing = {
  name: 'knit run show',
  about: [idOf('r1')],
  line: `knit run show ${idOf('r1')} --log`,
}

/** What is advised after an error. */
function next(error: unknown, doing: Doing): string {
  const { what, next = '', exitCode } = explain(error, doing)
  expect(exitCode).toBe(1)
  expect(`${what}${next}`).not.toContain('\n')
  return next
}
const answer = (route: string, status: number, code?: ProblemCode, detail = 'no') =>
  new ApiError(route, status, { detail, ...(code && { code }) })
const broken = (code: string, message = 'cannot reach https://knit.test') =>
  new ConnectionError(message, Object.assign(new Error('x'), { code }))

test.each(Object.keys(problems) as ProblemCode[])(
  'a push that is refused as %s is told a command to try next, which is no help page',
  (code) => {
    const advice = next(answer('data.push', problems[code].status, code), push)
    expect(advice).toMatch(/^([^:]+, then: )?knit (?!.*--help)/)
  },
)

test.each([
  ['bad-archive', "mend that, then: knit data push 'my set' --tag a:b"],
  ['bad-request', "mend that, then: knit data push 'my set' --tag a:b"],
  ['checksum-mismatch', "knit data push 'my set' --tag a:b"],
  ['storage-full', "free some room there, then: knit data push 'my set' --tag a:b"],
  ['too-slow', "ask for less, or wait a while, then: knit data push 'my set' --tag a:b"],
  ['unavailable', "wait a while, then: knit data push 'my set' --tag a:b"],
] as const)('after %s: %s', (code, advice) => {
  expect(next(answer('data.push', problems[code].status, code), push)).toBe(advice)
})

test('servers that say no code are understood by their status', () => {
  expect(next(answer('runs.show', 404), log)).toBe('knit run find')
  expect(next(answer('access.whoami', 404), log)).toMatch(/the right apiRoot, then: knit init/)
  expect(next(answer('runs.abort', 409), log)).toBe(`knit run show ${idOf('r1')}`)
  expect(next(answer('data.push', 400), push)).toBe(`mend that, then: ${push.line}`)
  expect(next(answer('data.push', 302), push)).toMatch(/then: knit init KNIT_PROFILE_FILE$/)
  expect(next(answer('runs.retry', 500), log)).toMatch(/administrator.*, then: knit run show/)
})

test('what may have been done is looked at, and not just done again', () => {
  const lost = (route: string) => new MaybeDone(route, 'the line broke', undefined)
  expect(next(lost('data.push'), push)).toBe('knit data find --limit 5 --output table')
  expect(next(answer('data.push', 500), push)).toBe('knit data find --limit 5 --output table')
  expect(next(lost('plans.apply'), push)).toBe('knit plan find --output table')
  expect(next(lost('runs.retry'), log)).toBe(`knit run show ${idOf('r1')} --output table`)
  expect(next(lost('data.tag'), pull)).toBe(
    `knit data find --tag knit#id:${idOf('d1')} --output table`,
  )
  expect(next(lost('tokens.create'), push)).toBe('knit admin token list')
  expect(next(lost('admin.replay'), push)).toBe('knit admin events --dead')
})

test('what stands in the way of a run is waited for, or shown', () => {
  const refused = (code: ProblemCode) => next(answer('runs.retry', 409, code), log)
  expect(refused('run-not-finished')).toBe(`knit run wait ${idOf('r1')}`)
  expect(refused('move-prohibited')).toBe(`knit run show ${idOf('r1')} --output table`)
  expect(refused('run-deleted')).toBe(`knit run show ${idOf('r1')} --output table`)
  expect(refused('data-in-transfer')).toBe(`wait a while, then: ${log.line}`)
})

test('the log of a run that has not begun is followed', () => {
  const advice = `knit run show ${idOf('r1')} --log --follow`
  expect(next(answer('runs.log', 503, 'not-yet'), log)).toBe(advice)
  expect(next(answer('runs.log', 503), log)).toBe(advice)
  expect(next(answer('runs.log', 503, 'volume-unreachable'), log)).not.toBe(advice)
})

test('what waits for ever is not waited for: it is aborted, or its plan activated', () => {
  const held = (route: string) =>
    answer(route, 409, 'run-held', `The run ${idOf('r1')} is held until its plan ${idOf('p1')} is.`)
  expect(next(held('runs.delete'), log)).toBe(`knit run stop --fail ${idOf('r1')}`)
  expect(next(held('runs.retry'), log)).toBe(`knit plan active yes ${idOf('p1')}`)
  expect(next(answer('runs.tearoff', 409, 'abort-instead'), log)).toBe(
    `knit run stop --fail ${idOf('r1')}`,
  )
})

test('a run without a log can be shown without', () => {
  expect(next(answer('runs.log', 404, 'log-not-found'), log)).toBe(`knit run show ${idOf('r1')}`)
})

test('what is wrong in a directory is to be mended, and not pushed again as it is', () => {
  expect(next(new ArchiveError('bad-entry', 'a device'), push)).toBe(
    `mend that, then: ${push.line}`,
  )
  expect(next(new ArchiveError('changed-while-reading', 'grew'), push)).toBe(push.line)
})

test('an archive that cannot be unpacked here can be kept as it is', () => {
  expect(next(new ArchiveError('bad-entry', 'outside'), pull)).toBe(
    `knit data pull ${idOf('d1')} out`,
  )
})

test.each(['ls', 'cat'])('an archive in which %s cannot look can be kept as it is', (verb) => {
  const about = [idOf('d1'), 'some/file']
  const looking = { name: `knit data ${verb}`, about, line: `knit data ${verb} ${about.join(' ')}` }
  expect(next(new ArchiveError('bad-entry', 'outside'), looking)).toBe(
    `knit data pull ${idOf('d1')}`,
  )
  expect(next(new ArchiveError('truncated', 'too early'), looking)).toBe(looking.line)
})

test('a server that is not there is started here, and looked for elsewhere', () => {
  expect(next(broken('ECONNREFUSED', 'cannot reach http://127.0.0.1:1: no'), push)).toBe(
    `knit local start --detach, then: ${push.line}`,
  )
  expect(next(broken('ECONNREFUSED'), push)).toBe(
    `check the network and the apiRoot of the profile, then: ${push.line}`,
  )
  expect(next(broken('CERT_HAS_EXPIRED'), push)).toMatch(/CA of the server, then: knit init/)
})

test('files that cannot be used are shown, and a full disk is told from them', () => {
  const system = (code: string, path?: string) =>
    Object.assign(new Error(code), { code, syscall: 'open', path })
  expect(next(system('EACCES', "/ann's"), push)).toBe(`ls -ld '/ann'\\''s'`)
  expect(next(system('ENOENT', '/x/none'), push)).toBe('ls /x')
  expect(next(system('EISDIR'), push)).toBe('name a file, and no directory')
  expect(next(system('ENOTDIR', '/a-file/none'), push)).toBe('ls /a-file')
  expect(next(system('ENOSPC', '/x'), push)).toBe(`free some room, then: ${push.line}`)
})

test('what the system has against a file is told in plain words, with its path', () => {
  const message = "ENOENT: no such file or directory, open '/x/none'"
  const error = Object.assign(new Error(message), {
    code: 'ENOENT',
    syscall: 'open',
    path: '/x/none',
  })
  expect(explain(error, push).what).toMatch(/: no such file or directory: \/x\/none$/)
})

test('what nobody planned for is a bug of ours, with all there is to tell of it', () => {
  const { what, next: advice, exitCode } = explain(new TypeError('x is no function'), push)
  expect(exitCode).toBe(70)
  expect(advice).toBeUndefined()
  expect(what).toMatch(/^this is a bug in knit: TypeError: x is no function\n +at /)
})
