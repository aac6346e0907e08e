import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { codeOf } from './error-code.ts'

/** By what a process is known to others: what it says of itself, and whether who has said so is still there. */
export type Identity<P extends object> = { own(): P; isAlive(process: P): boolean }

/** Who has a lock: a process, once. */
export type Holder<P extends object> = P & { id: string }

const damaged = 'damaged'

/**
 * Takes a lock, a file that names a process; answers who has it instead. A lock whose process is gone is no lock, and is
 * removed by the one process that holds the lock on removing exactly that one: whoever read it a moment ago finds another.
 */
export function takeLock<P extends object>(
  lock: string,
  identity: Identity<P>,
): { release(): void } | { heldBy: Holder<P> } {
  const own: Holder<P> = { ...identity.own(), id: crypto.randomUUID() }
  const draft = `${lock}.${own.id}`
  try {
    // Linked when it is whole, so that nobody reads half of it.
    writeFileSync(draft, JSON.stringify(own), { flush: true })
    for (;;) {
      if (link(draft, lock)) return { release: () => remove(lock, own.id) }
      const holder = readHolder<P>(lock)
      if (holder && holder !== damaged && identity.isAlive(holder)) return { heldBy: holder }
      const other = holder && removeStale(lock, idOf(holder), identity)
      if (other) return { heldBy: other }
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Removes a lock that was found stale, if it still is that one; answers who else is about to. */
export function removeStale<P extends object>(
  lock: string,
  id: string,
  identity: Identity<P>,
): Holder<P> | undefined {
  const removing = takeLock(`${lock}.stale.${id}`, identity)
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
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

const idOf = (holder: { id: string } | typeof damaged) => (holder === damaged ? damaged : holder.id)

/** Undefined when there is no lock; damaged is one that a failing machine has left. */
function readHolder<P extends object>(lock: string): Holder<P> | typeof damaged | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as Holder<P>
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (error instanceof SyntaxError) return damaged
    throw error
  }
}
