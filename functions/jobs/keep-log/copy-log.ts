import type { FileHandle } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

export type CopyOptions = {
  /** The log from its first byte until its program ends; undefined when that has not begun. */
  open(): Promise<AsyncIterable<Buffer> | undefined>
  /** Where it goes; asked for when there is a log. */
  target(): Promise<FileHandle | undefined>
  /** Aborted when the program has ended, or never will begin. */
  over: AbortSignal
}

const soonest = 50
const latest = 1000
// Lines to the API server break; for longer than this nobody waits with a program that has ended.
const lastTries = 10
// A program that ends is told of soon after its log.
const certainty = 5000

/** Copies a log while it is written, whatever becomes of the line it comes by. True when the program had begun. */
export async function copyLog({ open, target, over }: CopyOptions): Promise<boolean> {
  const copy = { bytes: 0 }
  let began = false
  let tries = 0
  let file: FileHandle | undefined
  for (let wait = soonest; ; wait = Math.min(2 * wait, latest)) {
    // Asked before reading: what was printed until then is in what is read.
    const last = over.aborted
    try {
      const log = await open()
      if (log) {
        began = true
        file ??= await target()
        await append(log, file, copy)
        if (last || (await isOverWithin(certainty, over))) break
      } else if (last) break
    } catch (error) {
      console.error(error)
      tries += last ? 1 : 0
      if (tries >= lastTries) break
    }
    await pause(wait, undefined, { signal: last ? undefined : over }).catch(() => {})
  }
  await file?.sync()
  await file?.close()
  return began
}

/** Writes what comes after the bytes that are there already, and counts it. */
async function append(
  log: AsyncIterable<Buffer>,
  file: FileHandle | undefined,
  copy: { bytes: number },
): Promise<void> {
  let position = 0
  for await (const piece of log) {
    const fresh = piece.subarray(Math.max(0, copy.bytes - position))
    position += piece.length
    if (fresh.length === 0) continue
    await file?.appendFile(fresh)
    copy.bytes += fresh.length
  }
}

const isOverWithin = (patience: number, over: AbortSignal): Promise<boolean> =>
  over.aborted ? Promise.resolve(true) : pause(patience, false, { signal: over }).catch(() => true)
