import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkerSpec } from '#shared/ports/cluster.ts'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import type { Home } from './home.ts'
import { handOver } from './program-user.ts'

/** Where the log of a worker is, if it is kept. */
export function logOf({ logVolume }: WorkerSpec, home: Home): string | undefined {
  return logVolume && join(volumeFolder(home, logVolume), 'log')
}

/** Makes the log of a worker, and opens it; a program may open it too, by the name /dev/stdout. */
export function openLog(spec: WorkerSpec, home: Home): number {
  const path = logOf(spec, home)
  if (!path) return openSync('/dev/null', 'a')
  const log = openSync(path, 'ax')
  try {
    handOver(path, home.user)
    return log
  } catch (error) {
    closeSync(log)
    throw error
  }
}
