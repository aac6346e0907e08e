import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { until } from '#tests/support/until.ts'
import manifest from '../package.json' with { type: 'json' }
import { projectFor, serverThat, tempDir } from './testing.ts'

const launcher = join(import.meta.dirname, 'knit.cjs')

const envIn = (cwd: string) => {
  const own = { KNIT_PROFILE_STORE: join(cwd, 'store'), KNIT_HOME: cwd, npm_lifecycle_event: '' }
  return { ...process.env, ...own }
}

async function spawnKnit(words: string[], cwd: string, node = process.execPath, script = launcher) {
  const env = envIn(cwd)
  const child = spawn(node, [script, ...words], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exit
  return { code, stdout, stderr }
}

test('done is 0', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  expect(await spawnKnit(['run', 'find'], projectFor(stub))).toEqual({
    code: 0,
    stdout: '[]\n',
    stderr: '',
  })
})

test('its version is told by the flag that every program has', async () => {
  const { code, stdout } = await spawnKnit(['--version'], tempDir())
  expect({ code, stdout }).toEqual({ code: 0, stdout: `v${manifest.version}\n` })
})

test('failed is 1', async () => {
  const answer = { status: 404, json: { message: 'not found' } }
  await using stub = await stubOfTheWire(() => answer)
  expect(await spawnKnit(['run', 'show', idOf('x')], projectFor(stub))).toEqual({
    code: 1,
    stdout: '',
    stderr: `run show ${idOf('x')}: not found (HTTP 404)\ntry: knit run find\n`,
  })
})

test('misused is 2', async () => {
  const { code, stdout } = await spawnKnit(['data', 'find', '--bogus'], tempDir())
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('interrupted is 130', async () => {
  const cwd = tempDir()
  const child = spawn(process.execPath, [launcher, 'plan', 'template'], { cwd })
  // It says so once it reads the image, for which it waits.
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([130, null])
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  '%s ends a download with exit code %d, and leaves nothing of it',
  async (signal, code) => {
    await using server = await serverThat((_, response) => void response.write('a part of it'))
    const cwd = projectFor(server)
    const out = join(cwd, 'out')
    const words = [launcher, 'data', 'pull', idOf('d1'), 'out']
    const child = spawn(process.execPath, words, { cwd, env: envIn(cwd), stdio: 'ignore' })
    await until(() => existsSync(out) && readdirSync(out).length > 0)
    child.kill(signal)
    expect(await once(child, 'exit')).toEqual([code, null])
    expect(readdirSync(out)).toEqual([])
  },
)

test('who has read enough, as head has, ends it with 141 and without a word', async () => {
  const maker = sampleRun('u1', {})
  const many = Array.from({ length: 3000 }, (_, number) => sampleData(`${number}`, maker))
  await using stub = await stubOfTheWire(() => ({ json: many }))
  const cwd = projectFor(stub)
  const words = [launcher, 'data', 'find']
  const child = spawn(process.execPath, words, {
    cwd,
    env: envIn(cwd),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.once('data', () => child.stdout.destroy())
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' })
})

test('it ends so, too, where nobody reads what is said besides', async () => {
  const child = spawn(process.execPath, [launcher, '--help'], {
    cwd: tempDir(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr.destroy()
  expect(await once(child, 'exit')).toEqual([141, null])
})

test.runIf(existsSync('/dev/full')).each(['--version', 'version'])(
  'knit %s says when there is no room for what it prints',
  (word) => {
    const cwd = tempDir()
    const line = shellLine([process.execPath, launcher, word])
    const { status, stderr } = spawnSync('sh', ['-c', `exec ${line} > /dev/full`], {
      cwd,
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'what is printed cannot be written: no space left on device\ntry: df -h .\n',
    })
  },
)

test('in a directory that was deleted it says what is not there', async () => {
  const dir = join(tempDir(), 'gone')
  mkdirSync(dir)
  const words = [process.execPath, launcher, 'data', 'push', 'set']
  const line = `cd ${shellLine([dir])} && rmdir "$PWD" && exec ${shellLine(words)}`
  const env = { ...process.env, KNIT_PROFILE_STORE: join(dir, 'store'), npm_lifecycle_event: '' }
  const { status, stderr } = spawnSync('bash', ['-c', line], { env, encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toMatch(/^there is no profile ".*gone" in .*store\ntry: .*\n$/)
})

const oldNode = (process.env.PATH ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'node'))
  .find((node) => existsSync(node) && Number(versionOf(node).split('.')[0]) < 24)

function versionOf(node: string): string {
  return execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
}

test('an older Node hands over to the Node that npm brought', async ({ skip }) => {
  if (!oldNode) return skip('needs a Node older than 24 on the PATH')
  const { code, stderr } = await spawnKnit(['data', 'find', '--bogus'], tempDir(), oldNode)
  expect(stderr).toContain('unknown flag --bogus')
  expect(code).toBe(2)
})

test.for([
  ['of a package', [], 'install Node 24 or newer from https://nodejs.org'],
  ['of a checkout', ['main.ts'], 'npm ci (with optional packages), or install Node 24 or newer'],
] as const)(
  'an older Node without a newer one says what knit %s needs',
  async ([, more, advice], { skip }) => {
    if (!oldNode) return skip('needs a Node older than 24 on the PATH')
    const dir = tempDir()
    for (const name of more) writeFileSync(join(dir, name), '')
    for (const name of ['knit.cjs', 'own-node.cjs', 'foreground.mjs'])
      copyFileSync(join(import.meta.dirname, name), join(dir, name))
    const { code, stderr } = await spawnKnit(['version'], dir, oldNode, join(dir, 'knit.cjs'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Knitfab needs Node 24 or newer, and this is Node [\d.]+\ntry: /)
    expect(stderr).toContain(`\ntry: ${advice}`)
  },
)
