import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf } from '#shared/files/error-code.ts'
import { follow } from './links.ts'
import { isWithin } from './mounts.ts'
import type { ProgramUser } from './program-user.ts'
import { Refusal } from './refusal.ts'
import { isUnseen, seen } from './seen.ts'
import { REPLACED, type View } from './view.ts'

/** Who will execute what within a view. */
export type Sight = { view: View; user: ProgramUser }

/**
 * Refuses a command that cannot be executed within a view. Found out beforehand, because an exit code of 127 may as
 * well come from a program that was executed.
 */
export function requireProgram(sight: Sight, name: string, path: string, folder: string): void {
  const candidates = name.includes('/')
    ? [resolve(folder, name)]
    : path.split(':').map((part) => join(resolve(folder, part), name))
  let found: string | undefined
  for (const candidate of candidates) {
    const verdict = look(sight, candidate)
    if (verdict === 'executable') return requireInterpreter(sight, candidate, name)
    if (verdict === 'hidden from us') return
    if (verdict === 'not executable') found ??= candidate
  }
  const shown = JSON.stringify(name)
  if (found)
    throw new Refusal(
      'plan',
      `the command ${shown} cannot be executed: ${found} is not a file that programs may execute`,
      126,
    )
  // The path itself tells how this machine is set up, which is nothing for everybody who may read a run.
  const where = name.includes('/') ? '' : '; give its whole path, or install it'
  const out = candidates.map((candidate) => leadsOut(sight, candidate)).find(Boolean) ?? ''
  throw new Refusal('plan', `the command ${shown} was not found${where}${out}`, 127)
}

/** Such as a link in one's home directory to a program elsewhere in it. */
function leadsOut({ view }: Sight, candidate: string): string | undefined {
  const link = join(follow(dirname(candidate), view.locate), basename(candidate))
  const reached = follow(link, view.locate)
  return reached === link
    ? undefined
    : `; ${candidate} leads to ${reached}, which programs do not see`
}

/** A script whose interpreter is missing fails just like a missing command, which tells people nothing. */
function requireInterpreter(sight: Sight, script: string, name: string): void {
  const { locate } = sight.view
  const interpreter = interpreterOf(locate(follow(script, locate)))
  if (!interpreter || look(sight, interpreter) !== 'nothing') return
  const message = `the command ${JSON.stringify(name)} needs ${interpreter}, which was not found`
  throw new Refusal('plan', message, 127)
}

function interpreterOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  const script = seen(() => openSync(file, 'r'))
  if (script === undefined) return undefined
  try {
    const head = Buffer.alloc(256)
    const text = head.toString('latin1', 0, readSync(script, head))
    return /^#![ \t]*(\/[^\s\0]*)/.exec(text)?.[1]
  } finally {
    closeSync(script)
  }
}

/** Whether there certainly is such a program. */
export function isExecutable(sight: Sight, path: string): boolean {
  return look(sight, path) === 'executable'
}

type Look = 'executable' | 'not executable' | 'nothing' | 'hidden from us'

function look({ view, user }: Sight, path: string): Look {
  const reached = follow(path, view.locate)
  const place = view.locate(reached)
  // What is in /proc or /tmp then, nobody knows before.
  if (place === undefined) {
    return REPLACED.some((folder) => isWithin(reached, folder)) ? 'hidden from us' : 'nothing'
  }
  try {
    return mayExecute(place, user) ? 'executable' : 'not executable'
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return 'nothing'
    if (isUnseen(error)) return 'not executable'
    throw error
  }
}

function mayExecute(place: string, { uid, gid, apart }: ProgramUser): boolean {
  const file = statSync(place)
  if (!file.isFile()) return false
  if (apart) {
    const bit = file.uid === uid ? 0o100 : file.gid === gid ? 0o010 : 0o001
    return (file.mode & bit) !== 0
  }
  accessSync(place, constants.X_OK)
  return true
}
