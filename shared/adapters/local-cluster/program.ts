import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { follow } from './links.ts'
import { isWithin } from './mounts.ts'
import { Refusal } from './refusal.ts'
import { REPLACED, type View } from './view.ts'

/**
 * Refuses a command that cannot be executed within a view. Found out beforehand, because an exit code of 127 may as
 * well come from a program that was executed.
 */
export function requireProgram(view: View, name: string, path: string, folder: string): void {
  const candidates = name.includes('/')
    ? [resolve(folder, name)]
    : path.split(':').map((part) => join(resolve(folder, part), name))
  let found: string | undefined
  for (const candidate of candidates) {
    const verdict = look(view, candidate)
    if (verdict === 'executable') return requireInterpreter(view, candidate, name)
    if (verdict === 'hidden from us') return
    if (verdict === 'not executable') found ??= candidate
  }
  const shown = JSON.stringify(name)
  if (found)
    throw new Refusal(
      'plan',
      `the command ${shown} cannot be executed: ${found} is not an executable file`,
      126,
    )
  const where = name.includes('/') ? '' : ` on the path ${path}`
  throw new Refusal('plan', `the command ${shown} was not found${where}`, 127)
}

/** A script whose interpreter is missing fails just like a missing command, which tells people nothing. */
function requireInterpreter(view: View, script: string, name: string): void {
  const interpreter = interpreterOf(view.locate(follow(script, view.locate)))
  if (!interpreter || look(view, interpreter) !== 'nothing') return
  const message = `the command ${JSON.stringify(name)} needs ${interpreter}, which was not found`
  throw new Refusal('plan', message, 127)
}

function interpreterOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  let script: number
  try {
    script = openSync(file, 'r')
  } catch {
    return undefined
  }
  try {
    const head = Buffer.alloc(256)
    const text = head.toString('latin1', 0, readSync(script, head))
    return /^#![ \t]*(\/[^\s\0]*)/.exec(text)?.[1]
  } finally {
    closeSync(script)
  }
}

/** Whether there certainly is such a program. */
export function isExecutable(view: View, path: string): boolean {
  return look(view, path) === 'executable'
}

type Look = 'executable' | 'not executable' | 'nothing' | 'hidden from us'

function look(view: View, path: string): Look {
  const reached = follow(path, view.locate)
  const place = view.locate(reached)
  // What is in /proc or /tmp then, nobody knows before.
  if (place === undefined) {
    return REPLACED.some((folder) => isWithin(reached, folder)) ? 'hidden from us' : 'nothing'
  }
  try {
    if (!statSync(place).isFile()) return 'not executable'
    accessSync(place, constants.X_OK)
    return 'executable'
  } catch (error) {
    const missing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    return missing ? 'nothing' : 'not executable'
  }
}
