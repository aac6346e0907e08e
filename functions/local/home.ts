import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { isAlive, ownProcess } from '#shared/adapters/local-cluster/processes.ts'
import type { Owner } from '#shared/database/home.ts'
import { prepareHome, usable } from '#shared/files/home-folder.ts'
import { takeLock } from '#shared/files/lock.ts'
import { replaceFile } from '#shared/files/replace-file.ts'

/** The folder of a local home, held by this process alone. */
export type Home = {
  folder: string
  path(...names: string[]): string
  /** Writes a file, readable only by its owner: all of it or nothing. */
  write(name: string, content: string): void
  /** Lets others have it. */
  leave(): void
}

/** What a user did that keeps the local home from starting: said in one message, without a stack. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart'
}

/** `--home`, else `$KNIT_HOME`, else the place for state of the user. */
export function homeFolder(given: string | undefined, env: NodeJS.ProcessEnv): string {
  const state = env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state')
  return resolve(given ?? (env['KNIT_HOME'] || join(state, 'knit')))
}

/** Makes the folder if need be and takes it for this process. Throws `CannotStart`, or `UnusableHome`. */
export function openHome(folder: string): Home {
  prepareHome(folder)
  const identity = { own: ownProcess, isAlive }
  const lock = usable(folder, () => takeLock(join(folder, 'lock'), identity))
  if ('heldBy' in lock)
    throw new CannotStart(
      `The local home ${folder} is in use by process ${lock.heldBy.pid}.\nUse it as it is, or stop it first: knit local stop --home ${folder}`,
    )
  return {
    folder,
    path: (...names) => join(folder, ...names),
    write: (name, content) => usable(folder, () => replaceFile(join(folder, name), content)),
    leave: lock.release,
  }
}

/**
 * A secret of this home, made once, readable only by its owner. What is signed with the key lives for a minute, and a token is
 * read from the profile, so one that a crash or a full disk has spoiled is made again.
 */
export const secretOf = (home: Home, name: string): string => madeOnce(home, name)

/** What tells this home from any other, wherever its folder is moved to; no secret. */
export const ownerOf = (home: Home): Owner => ({
  id: madeOnce(home, 'id'),
  place: `${home.folder} on ${hostname()}`,
})

function madeOnce(home: Home, name: string): string {
  const path = home.path(name)
  const found = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (found.length >= 32) return found
  const secret = randomBytes(32).toString('base64url')
  home.write(name, secret)
  return secret
}
