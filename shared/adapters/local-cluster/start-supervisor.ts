import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'

type Supervision = {
  /** The script and its arguments. */
  words: string[]
  folder: string
  env: NodeJS.ProcessEnv
  /** Its descriptors from 1 on. */
  open: (() => number)[]
}

/** Whatever closing says, the descriptor is gone, and the script, which has its own, runs on. */
function closeForUs(descriptor: number): void {
  try {
    closeSync(descriptor)
  } catch {
    // What was written by us was nothing.
  }
}

/** Starts a script that outlives us, in a group of its own. */
export function startSupervisor({ words, folder, env, open }: Supervision): ChildProcess {
  const descriptors: number[] = []
  try {
    for (const one of open) descriptors.push(one())
    const stdio = ['ignore' as const, ...descriptors]
    const child = spawn('/bin/sh', words, { cwd: folder, env, stdio, detached: true })
    child.unref()
    return child
  } finally {
    descriptors.forEach(closeForUs)
  }
}
