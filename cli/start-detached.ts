import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from '#shared/client/connection.ts'
import { localLog, prepareHome } from '#shared/files/home-folder.ts'
import { setAside } from '#shared/files/set-aside.ts'
import type { Context } from './context.ts'
import { Failure, first } from './failure.ts'
import { findRunning, type Running } from './running.ts'
import { checkProfile, readMapping } from './profile.ts'

const lookedEvery = 100

/** Starts the system in the background, with its output in HOME/local.log, and waits until it answers. */
export async function startDetached(words: string[], home: string, ctx: Context): Promise<Running> {
  prepareHome(home)
  const log = join(home, localLog)
  setAside(log)
  const output = openSync(log, 'a', 0o600)
  const { size: before } = statSync(log)
  const [file = '', ...args] = words
  const child = spawn(file, args, { detached: true, stdio: ['ignore', output, output] })
  closeSync(output)
  child.unref()
  try {
    return await firstAnswer(child, home, ctx)
  } catch (error) {
    if (child.exitCode === null) child.kill()
    // All of it: what happened stands at its head, and a start that fails says little.
    const said = readFileSync(log)
    ctx.stderr.write(said.subarray(said.length < before ? 0 : before))
    throw error
  }
}

/** Looks again and again until the system answers, or has ended. */
async function firstAnswer(
  child: ChildProcess,
  home: string,
  { signal }: Context,
): Promise<Running> {
  const ended = once(child, 'exit', { signal })
  // It may come while nobody waits for it.
  ended.catch(() => {})
  for (;;) {
    const running = findRunning(home)
    if (running && (await answers(running, signal))) return running
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Failure(
        `the system ended before it answered (${child.signalCode ?? `exit code ${child.exitCode}`})`,
        first('mend what it says above'),
      )
    await Promise.race([ended, pause(lookedEvery)])
  }
}

async function answers({ apiRoot, home }: Running, signal: AbortSignal): Promise<boolean> {
  const url = new URL('/healthz', apiRoot)
  const file = join(home, 'knitprofile')
  try {
    const { cert } = checkProfile(readMapping(file), file)
    const answer = await connect(url, cert.ca).fetch(url, { method: 'GET', headers: {}, signal })
    await answer.text()
    return answer.status === 200
  } catch {
    return false
  }
}
