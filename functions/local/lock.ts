import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isAlive, ownProcess, type Process } from '#shared/adapters/local-cluster/processes.ts'

/** Who has a lock: a process, once. */
export type Holder = Process & { id: string }

const damaged = 'damaged'

/**
 * Takes a lock, a file that names a process; answers who has it instead. A lock whose process is gone is no lock, and is
 * removed by the one process that holds the lock on removing exactly that one: whoever read it a moment ago finds another.
 */
export function takeLock(lock: string): { release(): void } | { heldBy: Holder } {
  const own: Holder = { ...ownProcess(), id: randomUUID() }
  const draft = `${lock}.${own.id}`
  try {
    // Linked when it is whole, so that nobody reads half of it.
    writeFileSync(draft, JSON.stringify(own), { flush: true })
    for (;;) {
      if (link(draft, lock)) return { release: () => remove(lock, own.id) }
      const holder = readHolder(lock)
      if (holder && holder !== damaged && isAlive(holder)) return { heldBy: holder }
      const other = holder && removeStale(lock, idOf(holder))
      if (other) return { heldBy: other }
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Removes a lock that was found stale, if it still is that one; answers who else is about to. */
export function removeStale(lock: string, id: string): Holder | undefined {
  const removing = takeLock(`${lock}.stale.${id}`)
  if ('heldBy' in removing) return removing.heldBy
  remove(lock, id)
  removing.release()
  return undefined
}

function remove(lock: string, id: string): void {
  const holder = readHolder(lock)
  if (holder && idOf(holder) === id) rmSync(lock)
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

const idOf = (holder: Holder | typeof damaged) => (holder === damaged ? damaged : holder.id)

/** Undefined when there is no lock; damaged is one that a failing machine has left. */
function readHolder(lock: string): Holder | typeof damaged | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Holder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (error instanceof SyntaxError) return damaged
    throw error
  }
}
