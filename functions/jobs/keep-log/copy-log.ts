import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { LogForbidden } from '#shared/adapters/kubernetes-cluster/pod-log.ts'
import { beginning, printed, type Place } from '#shared/adapters/kubernetes-cluster/printed.ts'

export type CopyOptions = {
  /** The log with its stamps, from the first byte that there still is until its program ends; undefined when that has not begun. */
  open(): Promise<Readable | undefined>
  /** Where it goes, to be read and appended to; asked for when there is a log. */
  target(): Promise<FileHandle | undefined>
  /** Aborted when the program has ended, or never will begin. */
  over: AbortSignal
  /** Milliseconds by which the end of a log and that of its program may be apart. */
  certainty?: number
}

const soonest = 50
const latest = 1000
// Lines to the API server break; for longer than this nobody waits with a program that has ended.
const lastTries = 10

/** Copies a log while it is written, whatever becomes of the line it comes by. True when the program had begun, or may have. */
export async function copyLog({
  open,
  target,
  over,
  certainty = 5000,
}: CopyOptions): Promise<boolean> {
  let began = false
  let tries = 0
  let kept: Kept | undefined
  for (let wait = soonest; ; wait = Math.min(2 * wait, latest)) {
    // Asked before reading: what was printed until then is in what is read.
    const last = over.aborted
    try {
      const log = await open()
      if (log) {
        began = true
        const copy = (kept ??= await keptIn(await target()))
        await ending(log, over, certainty, () => append(log, copy))
        if (last || (await isOverWithin(certainty, over))) break
      } else if (last) break
    } catch (error) {
      console.error(error)
      const isForbidden = error instanceof LogForbidden
      began ||= isForbidden
      tries += last ? 1 : 0
      if (last && (isForbidden || tries >= lastTries)) break
    }
    await pause(wait, undefined, { signal: last ? undefined : over }).catch(() => {})
  }
  await kept?.file?.sync()
  await kept?.file?.close()
  return began
}

/** Some work with a log, which is cut off when it does not end soon after its program: its line is broken, and nobody was told. */
async function ending(
  log: Readable,
  over: AbortSignal,
  certainty: number,
  work: () => Promise<void>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  // It may end, and be cut off, at the same moment; who reads it is told otherwise.
  log.on('error', () => {})
  const end = () => {
    timer = setTimeout(() => log.destroy(new Error('the log did not end')), certainty)
  }
  if (over.aborted) end()
  else over.addEventListener('abort', end, { once: true })
  try {
    await work()
  } finally {
    clearTimeout(timer)
    over.removeEventListener('abort', end)
    log.destroy()
  }
}

type Kept = {
  file: FileHandle | undefined
  /** So much of the file was written, and no more of it counts. */
  size: number
  /** What comes next in the log. */
  place: Place
  /** How much of what comes next is there already, from who wrote it before; undefined until enough of it was seen. */
  skip?: number
}

async function keptIn(file: FileHandle | undefined): Promise<Kept> {
  const { size } = (await file?.stat()) ?? { size: 0 }
  return { file, size, place: beginning }
}

/** Writes what is not there already. */
async function append(log: Readable, kept: Kept): Promise<void> {
  // A disk that is full may have taken a part.
  await kept.file?.truncate(kept.size)
  let head = Buffer.alloc(0)
  let { place } = kept
  for await (const next of printed(log, kept.place)) {
    head = Buffer.concat([head, next.bytes])
    place = next.place
    if (kept.skip === undefined && head.length < Math.min(enough, kept.size)) continue
    await take(head, place, kept)
    head = Buffer.alloc(0)
  }
  await take(head, place, kept)
}

async function take(head: Buffer, place: Place, kept: Kept): Promise<void> {
  if (head.length === 0) return
  kept.skip ??= await overlap(head, kept.size, kept.file)
  const fresh = head.subarray(Math.min(kept.skip, head.length))
  if (fresh.length > 0) await kept.file?.appendFile(fresh)
  kept.size += fresh.length
  kept.skip -= head.length - fresh.length
  kept.place = place
}

// By so many bytes a place in a log is known.
const enough = 1024
// More than a kubelet keeps in one file, unless it was told to.
const longestFile = 32 * 2 ** 20

/** How much of a log that begins so is kept already. A kubelet begins a new file from time to time, and gives only that. */
async function overlap(head: Buffer, kept: number, file: FileHandle | undefined): Promise<number> {
  if (!file || kept === 0) return 0
  const begin = head.subarray(0, Math.min(enough, kept))
  if (begin.equals(await bytesOf(file, 0, begin.length))) return kept
  const tail = await bytesOf(file, Math.max(0, kept - longestFile), kept)
  const place = tail.lastIndexOf(begin)
  return place < 0 ? 0 : tail.length - place
}

async function bytesOf(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from)
  return buffer.subarray(0, bytesRead)
}

const isOverWithin = (patience: number, over: AbortSignal): Promise<boolean> =>
  over.aborted ? Promise.resolve(true) : pause(patience, false, { signal: over }).catch(() => true)
