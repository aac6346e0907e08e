import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { expect, onTestFinished } from 'vitest'
import type { World } from './context.ts'
import { root } from './root.ts'
import { runCommandLine } from './run-command-line.ts'

/** For tests: a directory that is gone afterwards. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'knit-cli-'))
  // A shell may still write its history there.
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  return dir
}

/** For tests: a directory whose profile leads to `apiRoot`. */
export function projectFor({ apiRoot }: { apiRoot: string }): string {
  const dir = tempDir()
  writeFileSync(join(dir, '.knitprofile'), 'test')
  writeFileSync(join(dir, 'store'), `test:\n    apiRoot: ${apiRoot}\n    cert: {}\n`)
  return dir
}

/** For tests: a server that does as it is told with each request, which may be to leave it without an answer. */
export async function serverThat(does: RequestListener) {
  const server = createServer(does).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    apiRoot: `http://127.0.0.1:${port}/api`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Given = Partial<Omit<World, 'stdin'>> & {
  terminal?: boolean
  stdin?: ReturnType<World['stdin']>
}

/** For tests: runs a command line in this process. */
export async function knit(
  words: string[],
  cwd: string,
  { terminal = false, env, stdin = Readable.from([]), ...world }: Given = {},
) {
  const output = { stdout: '', stderr: '' }
  const into = (name: keyof typeof output) =>
    Object.assign(
      new Writable({
        write(chunk, _, done) {
          output[name] += chunk
          done()
        },
      }),
      // As of a terminal that does not know its width.
      { isTTY: terminal, ...(terminal && { columns: 0 }) },
    )
  const code = await runCommandLine(root, words, {
    env: { KNIT_PROFILE_STORE: join(cwd, 'store'), KNIT_HOME: join(cwd, 'no-home'), ...env },
    cwd,
    home: cwd,
    stdin: () => stdin,
    stdout: into('stdout'),
    stderr: into('stderr'),
    localProgram: ['no-program'],
    signal: new AbortController().signal,
    ...world,
  })
  return { code, ...output }
}

/** For tests: what the help of a command says before the flags that every command takes. */
export async function helpOf(line: string): Promise<string> {
  const { code, stdout, stderr } = await knit([...line.split(' '), '--help'], tempDir())
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  const [own = ''] = stderr.split(/^ *--profile=/m)
  const [, examples = ''] = stderr.split('\nEXAMPLES\n')
  return own.trimEnd() + (examples && `\n\nEXAMPLES\n${examples.trimEnd()}`)
}

/** For tests: the commands that ask no server of this API. */
export const askingNobody = [
  'logout',
  'plan template',
  'profile list',
  'profile use',
  'profile rm',
  'local start',
  'local status',
  'local stop',
  'local reset',
  'local image add',
  'local image list',
  'local image rm',
  'completion',
  'license',
]
