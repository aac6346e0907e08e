import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Knit } from './knit.ts'
import { DemoFailed } from './stage.ts'

export type LocalHome = { home: string; apiRoot: string; wasRunning: boolean }

const cli = join(import.meta.dirname, '../../cli/knit.cjs')

/** `.knit/demo` in the current folder, or the first of `.knit/demo-2`, … that is not there. */
export function freshHome(): string {
  const base = resolve('.knit/demo')
  let home = base
  for (let number = 2; existsSync(home); number += 1) home = `${base}-${number}`
  return home
}

/** Starts a local home in the background, unless it runs already. Goes on until it runs: then it can be stopped. */
export async function startLocalHome(home: string): Promise<LocalHome> {
  const { running, apiRoot } = await statusOf(home)
  if (running && apiRoot) return { home, apiRoot, wasRunning: true }
  const flags = ['--home', home, '--port', '0', '--engine', 'sandbox', '--detach']
  const printed = await runKnit(['local', 'start', ...flags])
  return { home, apiRoot: printed.trim(), wasRunning: false }
}

/** Stops it and waits until it has ended. */
export async function stopLocalHome(home: string): Promise<void> {
  await runKnit(['local', 'stop', '--home', home])
}

async function statusOf(home: string): Promise<{ running: boolean; apiRoot?: string }> {
  // Exit code 1 says that it does not run, which is an answer too.
  const asked = ['local', 'status', '--home', home, '--output', 'json']
  return JSON.parse(await runKnit(asked, { alsoGood: 1 }))
}

/** The CLI, with a profile of its own in `folder`: the user's is not touched. */
export async function knitOf({ home }: LocalHome, signal: AbortSignal): Promise<Knit> {
  const folder = demoFolder(home)
  await mkdir(folder, { recursive: true })
  const profile = profileFlags(home)
  const knit: Knit = (...args) => runKnit([...args, ...profile], { cwd: folder, signal })
  await knit('init', join(home, 'knitprofile'))
  return knit
}

/** Below which the demo keeps its own files. */
export const demoFolder = (home: string) => join(home, 'demo')
export const profileStore = (home: string) => join(demoFolder(home), 'profiles')
export const profileName = 'demo'
/** What a command is told to use that profile. */
export const profileFlags = (home: string) => [
  '--profile-store',
  profileStore(home),
  '--profile',
  profileName,
]

type Call = { cwd?: string; signal?: AbortSignal; alsoGood?: number }

/** Starts a command, in a process group of its own: Ctrl-C reaches the demo alone, which ends the others in good order. */
export const startKnit = (args: string[], { cwd, signal }: Call = {}) =>
  spawn(process.execPath, [cli, ...args], {
    cwd,
    signal,
    killSignal: 'SIGINT',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

async function runKnit(args: string[], { alsoGood, ...call }: Call = {}): Promise<string> {
  const child = startKnit(args, call)
  const printed = Promise.all([text(child.stdout), text(child.stderr)])
  const [code, endedBy] = (await once(child, 'close')) as [number | null, string | null]
  const [stdout, stderr] = await printed
  if (code === 0 || code === alsoGood) return stdout
  const end = endedBy ?? `exit code ${code}`
  throw new DemoFailed(`\`knit ${args.join(' ')}\` failed (${end})`, stderr.trimEnd().split('\n'))
}
