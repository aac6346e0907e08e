import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire, type Seen, type StubAnswer } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor, tempDir } from './testing.ts'

const before = { updatedAt: '2025-01-02T03:04:04+00:00' }
const upload = sampleRun('u1', { outputs: [['/upload', 'd1']] }, before)
const at = before.updatedAt
const token = { role: 'user', createdBy: 'ann', createdAt: at, expiresAt: at }
const things: Record<string, unknown[]> = {
  data: [
    sampleData('d1', upload, [], ['type:photo', 'note:a b']),
    sampleData('d2', upload, [], ['type:photo']),
  ],
  runs: [upload, sampleRun('t1', {}, { status: 'failed' })],
  plans: [samplePlan('p1')],
  events: [{ eventId: idOf('e1'), name: 'run.ready', subject: idOf('t1'), data: {}, time: at }],
  tokens: [
    { ...token, name: 'ci', state: 'valid' },
    { ...token, name: 'old', state: 'revoked' },
  ],
}
const answer = ({ url }: Seen): StubAnswer =>
  url.includes('/files?') ? { json: listing } : { json: things[/(\w+)\?/.exec(url)?.[1] ?? ''] }

const ofFile = { type: 'file', size: 0, mode: '644', mtime: at }
const listing = {
  files: ['images/a b.png', 'images/c.png', 'index.html'].map((path) => ({ path, ...ofFile })),
}

/** What is offered in place of the last word: each candidate without what is told of it. */
async function offered(line: string): Promise<string[]> {
  await using stub = await stubOfTheWire(answer)
  const words = line.split(' ').slice(1)
  const { code, stdout, stderr } = await knit(['__complete', '--', ...words], projectFor(stub))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((text) => text.split('\t')[0] ?? '')
}

const groups = [
  'init',
  'login',
  'logout',
  'data',
  'plan',
  'run',
  'explain',
  'admin',
  'profile',
  'whoami',
  'local',
  'completion',
  'license',
  'version',
]
const newest = [idOf('d2'), idOf('d1')]

test.each([
  ['knit ', groups],
  ['knit d', ['data']],
  ['knit help d', ['data']],
  ['knit run ', ['find', 'show', 'wait', 'stop', 'retry', 'rm']],
  ['knit --profile test run s', ['show', 'stop']],
  ['knit -q run re', ['retry']],
  [
    'knit data pull --',
    ['--extract', '--profile', '--profile-store', '--env', '--quiet', '--help'],
  ],
  ['knit data pull --e', ['--extract', '--env']],
  ['knit completion ', ['bash', 'zsh', 'fish']],
  ['knit plan active ', ['yes', 'no']],
  ['knit plan active yes ', [idOf('p1')]],
  ['knit plan active yes x ', []],
  ['knit plan find --active ', ['yes', 'true', 'no', 'false', 'both']],
  ['knit plan find --active=f', ['--active=false']],
  ['knit plan find --image ', ['reg.test/p1:v1']],
  ['knit data find --output=t', ['--output=table']],
  ['knit data tag ', newest],
  ['knit data tag --add ', ['note:a b', 'type:a', 'type:photo']],
  ['knit data tag --remove-key ', ['note', 'type']],
  ['knit data find -t type:p', ['type:photo']],
  ['knit data find --tag=type:p', ['--tag=type:photo']],
  ['knit run find --in-knitid ', newest],
  ['knit run find -s fa', ['failed']],
  ['knit data ls d1 ', ['images/', 'index.html']],
  ['knit data ls --output=table d1 ./in', ['./index.html']],
  ['knit data cat d1 x i', ['images/', 'index.html']],
  ['knit run show --log ', [idOf('t1'), idOf('u1')]],
  ['knit run wait x y ', [idOf('t1'), idOf('u1')]],
  ['knit run show -- -', []],
  ['knit admin events ', ['replay', 'drop']],
  ['knit admin events replay ', [idOf('e1')]],
  ['knit admin token revoke ', ['ci']],
  ['knit --profile ', ['test']],
  ['knit --profile', ['--profile', '--profile-store']],
  ['knit profile use ', ['test']],
  ['knit data push ', [':files']],
  ['knit data push -n x ', [':files']],
  ['knit data pull x ', [':files']],
  ['knit --env ', [':files']],
  ['knit plan apply ', [':files']],
  ['knit no-such-thing ', [':files']],
])('behind "%s" comes %j', async (line, words) => {
  expect(await offered(line)).toEqual(words)
})

test('what is offered says what it is, on one line', async () => {
  await using stub = await stubOfTheWire(answer)
  const dir = projectFor(stub)
  const { stdout } = await knit(['__complete', '--', 'run', 'show', ''], dir)
  expect(stdout.split('\n')[0]).toBe(`${idOf('t1')}\tfailed knit#uploaded`)
  const commands = await knit(['__complete', '--', 'data', 'pul'], dir)
  expect(commands.stdout).toBe('pull\tDownload data, as an archive or unpacked.\n')
})

test('where no server answers nothing is offered, and nothing is said', async () => {
  const dir = tempDir()
  const nothing = { code: 0, stdout: '', stderr: '' }
  expect(await knit(['__complete', '--', 'run', 'show', ''], dir)).toEqual(nothing)
  await using stub = await stubOfTheWire(() => ({ status: 500 }))
  const project = projectFor(stub)
  expect(await knit(['__complete', '--', 'data', 'find', '-t', ''], project)).toEqual(nothing)
})

test('extensions are offered with the commands', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'knit-hello'), '#!/bin/sh\n')
  chmodSync(join(dir, 'knit-hello'), 0o755)
  const { stdout } = await knit(['__complete', '--', 'h'], dir, { env: { PATH: dir } })
  expect(stdout).toBe(`hello\t${join(dir, 'knit-hello')}\n`)
})

test('the command that completes is told of nowhere', async () => {
  expect((await knit(['--help'], tempDir())).stderr).not.toContain('__complete')
  expect((await knit(['_complete'], tempDir())).stderr).not.toContain('__complete')
})

test('images that were added are offered, of the home that is meant', async () => {
  const program = `console.log(JSON.stringify([{ name: 'demo:v1', source: process.argv.at(-1) }]))`
  const world = { localProgram: [process.execPath, '-e', program, '--'] }
  for (const flags of [['--home', '/h'], ['--home=/h']]) {
    const words = ['__complete', '--', 'local', 'image', 'rm', ...flags, '']
    expect((await knit(words, tempDir(), world)).stdout).toBe('demo:v1\t/h\n')
  }
})

test('bash hands its line to knit, and is answered with what it takes as it is', async () => {
  await using stub = await stubOfTheWire(answer)
  const line = (text: string) => ['__complete', `--line=knit data find ${text}`, '--breaks= :="']
  const dir = projectFor(stub)
  expect((await knit(line('--tag=note:'), dir)).stdout).toBe('a\\ b\n')
  expect((await knit(line('-t "note:a b" -t type:p'), dir)).stdout).toBe('photo\n')
})

test.each(['bash', 'zsh', 'fish'])('the script for %s hands the words to knit', async (shell) => {
  const { code, stdout } = await knit(['completion', shell], tempDir())
  expect(code).toBe(0)
  expect(stdout).toContain('knit __complete ')
})

test('another shell is misuse', async () => {
  const { code, stderr } = await knit(['completion', 'tcsh'], tempDir())
  expect(code).toBe(2)
  expect(stderr).toContain('SHELL: expected bash, zsh or fish')
})
