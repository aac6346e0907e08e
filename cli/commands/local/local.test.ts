import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { startTimeOf } from '../../running.ts'
import { knit, tempDir } from '../../testing.ts'

/** Stands for the program of the local home: writes what that writes, answers /healthz, and ends on SIGTERM. */
const program = `
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
const home = process.argv[process.argv.indexOf('--home') + 1]
console.error('arguments: ' + process.argv.slice(2).join(' '))
if (process.argv.includes('podman')) { console.error('there is no podman' + '\\n  at line'.repeat(50)); process.exit(3) }
const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1', () => {
  const { pid } = process
  const startTime = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[19]
  const apiRoot = 'http://127.0.0.1:' + server.address().port + '/api'
  writeFileSync(home + '/KNIT_HOME', '')
  writeFileSync(home + '/knitprofile', 'apiRoot: ' + apiRoot)
  writeFileSync(home + '/local.json', JSON.stringify({ pid, startTime, apiRoot, engine: 'sandbox', home, startedAt: '' }))
})
process.on('SIGTERM', () => process.exit(0))
`

function home() {
  const dir = tempDir()
  const path = join(dir, 'home')
  const file = join(dir, 'program.mjs')
  writeFileSync(file, program)
  const world = { localProgram: [process.execPath, file] }
  return {
    path,
    local: (...words: string[]) => knit(['local', ...words, '--home', path], dir, world),
  }
}

test('it is started in the background, found, not reset while it runs, and stopped', async () => {
  const { path, local } = home()
  const started = await local('start', '--detach', '--port', '0')
  expect(started.code).toBe(0)
  expect(started.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/api\n$/)
  expect(started.stderr).toContain(`now: knit init ${path}/knitprofile\n`)
  expect(readFileSync(join(path, 'local.log'), 'utf8')).toContain(`start --home ${path} --port 0`)
  const asked = await local('start', '--detach', '--auth')
  expect(asked.stderr).toContain('cannot take --auth')

  const status = await local('status', '--output', 'json')
  const { pid, ...rest } = JSON.parse(status.stdout)
  expect({ code: status.code, ...rest }).toEqual({
    code: 0,
    running: true,
    apiRoot: started.stdout.trim(),
    engine: 'sandbox',
    home: path,
  })
  expect(startTimeOf(pid)).toBeDefined()
  expect((await local('start', '--detach')).stdout).toBe(started.stdout)
  expect((await local('start')).stderr).toContain('it runs already')

  const { port } = new URL(started.stdout)
  const same = await local('start', '--detach', '--port', port, '--engine', 'sandbox')
  expect(same).toMatchObject({ code: 0, stdout: started.stdout })
  const url = 'postgres://ann:secret@db.test/knit'
  const other = await local(
    'start',
    '--detach',
    '--engine',
    'docker',
    '--port=1',
    '--database',
    url,
  )
  expect(other).toMatchObject({ code: 1, stdout: '' })
  expect(other.stderr).toMatch(
    /^it runs already in .* with sandbox, and cannot take --port and --engine and --database\ntry: knit local stop --home .*, then: knit local start --detach --engine docker .*\n$/,
  )
  expect((await local('reset', '--yes')).stderr).toContain('try: knit local stop')

  expect((await local('stop')).code).toBe(0)
  expect(startTimeOf(pid)).toBeUndefined()
  expect(await local('status')).toEqual({
    code: 1,
    stdout: `not running in ${path}\n`,
    stderr: `try: knit local start --detach --home ${path}\n`,
  })
  expect((await local('status', '--quiet')).stderr).toBe('')
  const none = { running: false, home: path }
  expect(JSON.parse((await local('status', '--output', 'json')).stdout)).toEqual(none)
  expect((await local('stop')).code).toBe(0)
  expect((await local('reset')).stderr).toContain('--yes')
  expect((await local('reset', '--yes')).code).toBe(0)
  expect(existsSync(path)).toBe(false)
})

test('a log that has grown large is kept beside the one of the next start, until that has', async () => {
  const { path, local } = home()
  mkdirSync(path)
  const log = join(path, 'local.log')
  writeFileSync(join(path, 'KNIT_HOME'), '')
  writeFileSync(log, 'old\n')
  await local('start', '--detach', '--engine', 'podman')
  expect(readFileSync(log, 'utf8')).toMatch(/^old\narguments: /)
  truncateSync(log, 11 * 1024 * 1024)
  await local('start', '--detach', '--engine', 'podman')
  expect(readFileSync(log, 'utf8')).toMatch(/^arguments: /)
  expect(statSync(`${log}.1`).size).toBe(11 * 1024 * 1024)
})

test('one that ends at once is told with all its words', async () => {
  const { local } = home()
  const { code, stderr } = await local('start', '--detach', '--engine', 'podman')
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /\nthere is no podman\n( {2}at line\n){50}the system ended before it answered \(exit code 3\)\n/,
  )
})

test('a folder that is no home is refused before anything starts, and left as it is', async () => {
  const { path, local } = home()
  mkdirSync(path)
  writeFileSync(join(path, 'thesis.tex'), '')
  const { code, stderr } = await local('start', '--detach')
  expect(code).toBe(1)
  expect(stderr).toBe(
    `the folder ${path} is not empty and is no local home\ntry: choose another one: knit local start --home DIR\n`,
  )
  expect(readdirSync(path)).toEqual(['thesis.tex'])
})

test.runIf(process.platform === 'linux')('a home that cannot be made is told at once', async () => {
  const nowhere = '/proc/nothing/a/home'
  const { code, stderr } = await knit(['local', 'start', '--detach', '--home', nowhere], tempDir())
  expect(code).toBe(1)
  expect(stderr).toContain(`the folder ${nowhere} cannot be used: no such file or directory`)
})

test('what is advised after a failure shows no password', async () => {
  const { local } = home()
  const url = 'postgres://ann:secret@db.test/knit'
  const { stderr } = await local('start', '--detach', '--engine', 'podman', '--database', url)
  const advice = stderr.trimEnd().split('\n').at(-1)
  expect(advice).toMatch(/then: knit local start .*postgres:\/\/ann:\*\*\*@db\.test\/knit/)
  expect(advice).not.toContain('secret')
})

test('another process that was given the same number is never stopped', async () => {
  const { path, local } = home()
  mkdirSync(path)
  const stale = { apiRoot: 'http://h/api', engine: 'sandbox', home: path, startedAt: '' }
  const state = { ...stale, pid: process.pid, startTime: '1' }
  writeFileSync(join(path, 'local.json'), JSON.stringify(state))
  expect((await local('stop')).stderr).toContain('nothing runs')
})

test('reset never deletes a directory that is no home', async () => {
  const { path, local } = home()
  mkdirSync(path)
  writeFileSync(join(path, 'thesis.tex'), '')
  const { code, stderr } = await local('reset', '--yes')
  expect(code).toBe(1)
  expect(stderr).toContain('is no home of knit')
  expect(existsSync(join(path, 'thesis.tex'))).toBe(true)
})

test.each([
  'start --detach',
  'status',
  'stop',
  'reset --yes',
  'image list',
  'image add a:1 x',
  'image rm a:1',
])('local %s takes no --home that is empty for the usual one', async (line) => {
  const dir = tempDir()
  const usual = join(dir, '.local/state/knit')
  mkdirSync(usual, { recursive: true })
  writeFileSync(join(usual, 'KNIT_HOME'), '')
  const words = ['local', ...line.split(' '), '--home', '']
  const { code, stdout, stderr } = await knit(words, dir, { env: { KNIT_HOME: '' } })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^usage error: --home: expected a path, and it is empty\n/)
  expect(readdirSync(usual)).toEqual(['KNIT_HOME'])
})

test('a mere client says where there is a system to start', async () => {
  const dir = tempDir()
  for (const words of [['start'], ['image', 'list'], ['image', 'rm', 'x:1']]) {
    const { code, stderr } = await knit(['local', ...words], dir, { localProgram: [] })
    expect({ code, lines: stderr.trim().split('\n') }).toEqual({
      code: 1,
      lines: [
        'this is a client only: the system that runs on one machine is not part of it',
        'try: in a checkout of Knitfab: npm ci && npx knit local start --detach',
      ],
    })
  }
  expect((await knit(['local', 'status'], dir, { localProgram: [] })).code).toBe(1)
})

test('what there is of a local home is told in the same forms as all else', async () => {
  const { path, local } = home()
  const status = async (output: string) => (await local('status', '--output', output)).stdout
  expect(await status('name')).toBe(`${path}\n`)
  expect(await status('yaml')).toBe(`running: false\nhome: ${path}\n`)
  expect(await status('table')).toMatch(/^HOME +RUNNING +API ROOT +PROCESS +ENGINE\n\S+ +no\n$/)
})

test('images that were added are told in the same forms as all else', async () => {
  const image = { name: 'demo:v1', source: '/demo.tar', base: '/root', cmd: ['sh'] }
  const program = `console.log(JSON.stringify(process.argv.includes('list') ? [${JSON.stringify(image)}] : ${JSON.stringify(image)}))`
  const localProgram = [process.execPath, '-e', program, '--']
  const told = async (...words: string[]) =>
    (await knit(['local', 'image', ...words], tempDir(), { localProgram })).stdout
  expect(JSON.parse(await told('list'))).toEqual([image])
  expect(JSON.parse(await told('add', 'demo:v1', 'demo.tar'))).toEqual(image)
  expect(await told('list', '--output', 'name')).toBe('demo:v1\n')
  expect(await told('add', 'demo:v1', 'demo.tar', '--output', 'name')).toBe('demo:v1\n')
  expect(await told('list', '--output', 'table')).toMatch(
    /^IMAGE +MADE OF\ndemo:v1 +\/demo\.tar\n$/,
  )
})

test('what the program of the local home is asked in the foreground, it answers with its exit code', async () => {
  const dir = tempDir()
  const localProgram = [
    process.execPath,
    '-e',
    'process.exit(process.argv.includes("list") ? 7 : 0)',
  ]
  expect((await knit(['local', 'image', 'list'], dir, { localProgram })).code).toBe(7)
})

test.each(['no\n', 'y\n'])(
  'image rm asks who sits at a terminal, and takes %j at its word',
  async (said) => {
    const dir = tempDir()
    const stdin = () => Object.assign(Readable.from([said]), { isTTY: true })
    const localProgram = [process.execPath, '-e', 'process.exit(7)']
    const rm = (...flags: string[]) => {
      const world = { localProgram, stdin: stdin(), terminal: true }
      return knit(['local', 'image', 'rm', 'demo:v1', ...flags], dir, world)
    }
    const { code, stderr } = await rm()
    expect(code).toBe(said === 'y\n' ? 7 : 0)
    expect(stderr).toContain(`Delete the image demo:v1 in ${join(dir, 'no-home')}? [y/N] `)
    expect((await rm('--yes')).code).toBe(7)
  },
)
