import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
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
 * A folder for the server's socket which only our user may enter, so that no password is needed:
 * `folder/run`, or behind a link of that name a short one when the path is too long for a socket.
 */
export function makeSocketFolder(folder: string): SocketFolder {
  const near = join(folder, 'run')
  clear(near)
  if (fits(near)) {
    mkdirSync(near, { recursive: true })
    chmodSync(near, 0o700)
    return { path: near, socket: join(near, socketName), remove: () => clear(near) }
  }
  const parent = fits(join(tmpdir(), `${short}123456`)) ? tmpdir() : '/tmp'
  const path = mkdtempSync(join(parent, short))
  symlinkSync(path, near)
  return { path, socket: join(path, socketName), remove: () => clear(near) }
}

function fits(path: string) {
  return Buffer.byteLength(join(path, socketName)) <= longest
}

/** What a killed start left goes too: the link remembers where its short folder is. */
function clear(near: string) {
  if (lstatSync(near, { throwIfNoEntry: false })?.isSymbolicLink()) {
    const path = readlinkSync(near)
    if (basename(path).startsWith(short)) rmSync(path, { recursive: true, force: true })
  }
  rmSync(near, { recursive: true, force: true })
}
