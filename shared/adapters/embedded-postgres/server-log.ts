import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setAside } from '#shared/files/set-aside.ts'

const tailBytes = 4_000
const tailLines = 12

export interface ServerLog {
  /** For the server's output; to be closed once it has been handed over. */
  descriptor: number
  close(): void
  /** Keeps it from growing without bound; to be called again and again. */
  bound(): void
  /** The last lines written since this start. */
  tail(): string
}

export const serverLogIn = (folder: string): string => join(folder, 'postgres.log')

/** Opens `folder/postgres.log` to append; a big one is set aside, now and whenever it has become that. */
export function openServerLog(folder: string): ServerLog {
  const path = serverLogIn(folder)
  setAside(path)
  const descriptor = openSync(path, 'a', 0o600)
  let begin = statSync(path).size
  return {
    descriptor,
    close: () => closeSync(descriptor),
    bound: () => {
      if (setAside(path)) begin = 0
    },
    tail: () => readTail(path, begin),
  }
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
