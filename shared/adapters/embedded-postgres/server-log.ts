import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'

const biggest = 5_000_000
const tailBytes = 4_000
const tailLines = 12

export interface ServerLog {
  /** For the server's output; to be closed once it has been handed over. */
  descriptor: number
  close(): void
  /** The last lines written since this start. */
  tail(): string
}

/** Opens `folder/postgres.log` to append; a big one becomes `postgres.log.1` first. */
export function openServerLog(folder: string): ServerLog {
  const path = join(folder, 'postgres.log')
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > biggest) renameSync(path, `${path}.1`)
  const begin = size > biggest ? 0 : size
  const descriptor = openSync(path, 'a', 0o600)
  return { descriptor, close: () => closeSync(descriptor), tail: () => readTail(path, begin) }
}

function readTail(path: string, begin: number) {
  const descriptor = openSync(path, 'r')
  try {
    const end = statSync(path).size
    const start = Math.max(begin, end - tailBytes)
    const bytes = Buffer.alloc(Math.max(0, end - start))
    readSync(descriptor, bytes, 0, bytes.length, start)
    return bytes.toString('utf8').trimEnd().split('\n').slice(-tailLines).join('\n')
  } finally {
    closeSync(descriptor)
  }
}
