import { closeSync, ftruncateSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'

/** As many bytes a log of a local home may have before it is set aside. */
export const mostLogBytes = 10 * 1024 * 1024

/** Where that is which was set aside: as much as once fills a log. */
export const setAsideOf = (log: string): string => `${log}.1`

/**
 * Moves what is in a log that has grown too large beside it, in the place of what was moved there before; true when it did. Who
 * writes has the log open to append and need not be told: it is the same file, and empty. Of what somebody else writes only a
 * line is lost that comes between the last look and that.
 */
export function setAside(log: string, most = mostLogBytes): boolean {
  try {
    if (sizeOf(log) <= most) return false
    move(log)
    return true
  } catch {
    // Whoever writes has other work to do, and will be told by the file itself what is wrong with it.
    return false
  }
}

function move(log: string): void {
  const source = openSync(log, 'r+')
  try {
    copyRest(source, setAsideOf(log))
  } catch {
    // There is no room for it: then room is what is needed most.
  } finally {
    ftruncateSync(source)
    closeSync(source)
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

function copyRest(source: number, path: string): void {
  const target = openSync(path, 'w', 0o600)
  const piece = Buffer.allocUnsafe(1024 * 1024)
  try {
    for (let read; (read = readSync(source, piece)) > 0;)
      writeFileSync(target, piece.subarray(0, read))
  } finally {
    closeSync(target)
  }
}
