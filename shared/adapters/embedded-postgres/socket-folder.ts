import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const socketName = '.s.PGSQL.5432'
const short = 'knit-pg-'

// The kernel's limits on the path of a socket, less its closing zero.
const longest = process.platform === 'linux' ? 107 : 103

export interface SocketFolder {
  path: string
  socket: string
  remove(): void
}

/**
 * A folder for the server's socket which only our user may enter, so that no password is needed: `folder/run`, or behind a link
 * of that name a short one when the path is too long for a socket. It is the same one until it is removed.
 */
export function makeSocketFolder(folder: string): SocketFolder {
  const near = join(folder, 'run')
  const path = fits(near) ? nearFolder(near) : farFolder(near)
  return { path, socket: join(path, socketName), remove: () => clear(near) }
}

function fits(path: string) {
  return Buffer.byteLength(join(path, socketName)) <= longest
}

function nearFolder(near: string) {
  clear(near)
  mkdirSync(near, { recursive: true })
  chmodSync(near, 0o700)
  return near
}

/** Elsewhere, behind a link; the link of a server that ended remembers where. */
function farFolder(near: string) {
  const earlier = attempt(() => readlinkSync(near))
  if (earlier && isOurs(earlier)) return emptied(earlier)
  clear(near)
  const parent = fits(join(tmpdir(), `${short}123456`)) ? tmpdir() : '/tmp'
  const path = mkdtempSync(join(parent, short))
  symlinkSync(path, near)
  return path
}

/** Somebody else may have made a folder of that name since. */
function isOurs(path: string) {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return (
    basename(path).startsWith(short) &&
    found?.isDirectory() === true &&
    found.uid === process.getuid?.() &&
    (found.mode & 0o077) === 0
  )
}

function emptied(path: string) {
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true })
  return path
}

/** What a killed start left goes too: the link remembers where its short folder is. */
function clear(near: string) {
  const path = attempt(() => readlinkSync(near))
  if (path && isOurs(path)) rmSync(path, { recursive: true, force: true })
  rmSync(near, { recursive: true, force: true })
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
