import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A small disk of its own, which a test fills. */
export type SmallDisk = {
  folder: string
  /** Leaves room for no more than so many bytes. */
  fill(leaving?: number): void
  /** Makes room again. */
  free(): void
  remove(): void
}

/** Undefined where this user may not mount. */
export function smallDisk(folder: string, megabytes: number): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true })
  const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]
  if (spawnSync('mount', options).status !== 0) return undefined
  const ballast = join(folder, 'ballast')
  const free = (): void => rmSync(ballast, { force: true })
  return {
    folder,
    fill: (leaving = 0) => writeUntilFull(ballast, folder, leaving),
    free,
    remove: () => execFileSync('umount', ['--lazy', folder]),
  }
}

/** Why there is none. */
export const noSmallDisk =
  'a small disk of its own needs root and the right to mount: sudo npm test'

function writeUntilFull(path: string, folder: string, leaving: number): void {
  const file = openSync(path, 'a')
  try {
    for (let left = roomIn(folder) - leaving; left > 0; left = roomIn(folder) - leaving)
      writeSync(file, Buffer.alloc(Math.min(left, 2 ** 20)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}

function roomIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
