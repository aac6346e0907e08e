import { randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** The folder of a local home, held by this process alone. */
export type Home = {
  folder: string
  path(...names: string[]): string
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
  prepare(folder)
  const lock = join(folder, 'lock')
  takeLock(lock, folder)
  return {
    folder,
    path: (...names) => join(folder, ...names),
    leave: () => rmSync(lock, { force: true }),
  }
}

function prepare(folder: string): void {
  try {
    makeFolder(folder)
    const isOurs = existsSync(join(folder, marker))
    // The log is opened by whoever starts a home in the background, before there is one.
    if (
      !isOurs &&
      readdirSync(folder).some((name) => name !== 'lost+found' && name !== 'local.log')
    )
      throw new CannotStart(
        `The folder ${folder} is not empty and is no local home.\nChoose another one: knit local start --home DIR`,
      )
    if (!isOurs)
      writeFileSync(
        join(folder, marker),
        'The data of a local home of Knitfab; see knit local --help.\n',
      )
  } catch (error) {
    if (error instanceof CannotStart) throw error
    throw new CannotStart(
      `The folder ${folder} cannot be used: ${(error as Error).message}\nChoose another one: knit local start --home DIR`,
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

/** A lock is a file that names a process; one whose process is gone is no lock. */
function takeLock(lock: string, folder: string): void {
  const own = `${lock}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(own, JSON.stringify({ pid: process.pid, startTime: startTime(process.pid) }))
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      if (link(own, lock)) return
      const holder = readHolder(lock)
      if (holder && startTime(holder.pid) === holder.startTime)
        throw new CannotStart(
          `The local home ${folder} is in use by process ${holder.pid}.\nUse it as it is, or stop it first: knit local stop --home ${folder}`,
        )
      rmSync(lock, { force: true })
    }
    throw new CannotStart(
      `The local home ${folder} is being started by somebody else.\nTry again in a moment.`,
    )
  } finally {
    rmSync(own, { force: true })
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readHolder(lock: string): { pid: number; startTime: string } | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as { pid: number; startTime: string }
  } catch {
    return undefined
  }
}

/** When a process began, in ticks since boot: tells it from a later one with the same id. Undefined when it is gone. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may hold anything; what follows is fields 3 and on.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : fields[18]
  } catch {
    return undefined
  }
}

/** A secret of this home, made once, readable only by its owner. */
export function secretOf(home: Home, name: string): string {
  const path = home.path(name)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const secret = randomBytes(32).toString('base64url')
    writeFileSync(path, secret, { mode: 0o600, flag: 'wx' })
    return secret
  }
}
