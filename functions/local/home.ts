import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { replaceFile } from '#shared/adapters/local-cluster/home.ts'
import { takeLock } from './lock.ts'

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

const marker = 'KNIT_HOME'

/** Makes the folder if need be and takes it for this process. Throws `CannotStart`. */
export function openHome(folder: string): Home {
  prepareHome(folder)
  const lock = usable(folder, () => takeLock(join(folder, 'lock')))
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

/** Makes a folder a local home, unless it is one. Throws `CannotStart`. */
export function prepareHome(folder: string): void {
  usable(folder, () => {
    makeFolder(folder)
    if (isHome(folder)) return
    const content = 'The data of a local home of Knitfab; see knit local --help.\n'
    replaceFile(join(folder, marker), content)
  })
}

/** Whether a folder is a local home; one that is empty or missing may become one. Throws `CannotStart` for any other. */
export function isHome(folder: string): boolean {
  const names = usable(folder, () => namesIn(folder))
  if (names.includes(marker)) return true
  // The log is opened by whoever starts a home in the background, before there is one.
  const isKnown = (name: string) =>
    ['lost+found', 'local.log'].includes(name) || name.startsWith(marker)
  if (names.every(isKnown)) return false
  throw new CannotStart(
    `The folder ${folder} is not empty and is no local home.\nChoose another one: knit local start --home DIR`,
  )
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/** What keeps a folder from being used is told with it. */
function usable<T>(folder: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (error instanceof CannotStart) throw error
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new CannotStart(
      ['ENOSPC', 'EDQUOT'].includes(code)
        ? `The disk of ${folder} is full.\nFree some room there, or choose another folder: knit local start --home DIR`
        : `The folder ${folder} cannot be used: ${message}\nChoose another one: knit local start --home DIR`,
      { cause: error },
    )
  }
}

/** One by one: where nothing can be made, as below /proc, Node's own `recursive` tries for ever. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return
    if (code !== 'ENOENT') throw error
    makeFolder(dirname(folder))
    mkdirSync(folder, { mode: 0o700 })
  }
}

/**
 * A secret of this home, made once, readable only by its owner. What is signed with it lives for a minute, so one that a
 * crash or a full disk has spoiled is made again.
 */
export function secretOf(home: Home, name: string): string {
  const path = home.path(name)
  const found = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (found.length >= 32) return found
  const secret = randomBytes(32).toString('base64url')
  home.write(name, secret)
  return secret
}
