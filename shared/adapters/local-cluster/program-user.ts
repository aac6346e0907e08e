import { execFile } from 'node:child_process'
import { chownSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { CannotRun } from './refusal.ts'

/** Whom programs of plans are run as, as this machine sees it. */
export type ProgramUser = {
  uid: number
  gid: number
  /** Whether that is somebody else than we are, so that files must be handed over. */
  apart: boolean
}

// Owns no files, and has a name on most machines and in most images.
const NOBODY = 65534
const run = promisify(execFile)

/**
 * Ourselves, unless we are root: whatever a sandbox takes from root, the files of root stay its own. Programs of a home of
 * root are run as nobody, who may read what everybody may.
 */
export function programUser(
  own = { uid: process.getuid?.() ?? NOBODY, gid: process.getgid?.() ?? NOBODY },
  uidMap = () => readFileSync('/proc/self/uid_map', 'utf8'),
): ProgramUser {
  if (own.uid !== 0) return { ...own, apart: false }
  const rows = uidMap()
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const outside = (uid: number) => {
    const row = rows.find(([first = 0, , count = 0]) => uid >= first && uid < first + count)
    return row && uid - (row[0] ?? 0) + (row[1] ?? 0)
  }
  if (outside(NOBODY) !== undefined) return { uid: NOBODY, gid: NOBODY, apart: true }
  // Root of a user namespace that has nobody else: an ordinary user to the machine, which sees no files of root.
  if (outside(0) !== 0) return { uid: NOBODY, gid: NOBODY, apart: false }
  throw new CannotRun(
    'There is no user but root here, and programs of plans are never run as root.\nStart it as an ordinary user.',
  )
}

/** Makes somebody the owner of a folder, or of an open file. */
export function handOver(path: string, { uid, gid, apart }: ProgramUser): void {
  if (apart) chownSync(path, uid, gid)
}

/** Makes somebody the owner of all that is in a folder. */
export async function handOverTree(folder: string, user: ProgramUser): Promise<void> {
  if (!user.apart) return
  await run('chown', ['--recursive', '--no-dereference', `${user.uid}:${user.gid}`, '--', folder])
}
