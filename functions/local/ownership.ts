import { setTimeout as pause } from 'node:timers/promises'
import { findOwner, hold, tryHold, type Owner } from '#shared/database/home.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import type { Log } from '#shared/ports/log.ts'
import { CannotStart } from './home.ts'

/** How a home has a database that is not inside it. */
export type Ownership = {
  own: Owner
  /** Also one that another home has had, and will not have again. */
  adopts: boolean
  log: Log
  /** Another home has it, while ours lost its line. */
  onTaken(): void
}

const patience = 1000

/**
 * Keeps other homes from a database for as long as this one runs: they would take its programs for lost and its volumes for empty.
 * Throws `CannotStart` when another home runs with it, or has the files of its data. What is given back lets it go.
 */
export async function own(url: string, ownership: Ownership): Promise<() => Promise<void>> {
  const closing = new AbortController()
  let lost = Promise.withResolvers<void>()
  const onclose = () => lost.resolve()
  // The lock is that of its line, which must never be closed because nobody uses it.
  const line = connect(url, { max: 1, idle_timeout: 0, max_lifetime: null, onclose })

  async function keep(): Promise<void> {
    for (;;) {
      await lost.promise
      if (closing.signal.aborted) return
      lost = Promise.withResolvers()
      if (await holdAgain(line, ownership, closing.signal)) continue
      ownership.log.error('another home has taken the database over: this one ends')
      return ownership.onTaken()
    }
  }

  try {
    await take(line, ownership)
  } catch (error) {
    await line.end({ timeout: 5 })
    throw error
  }
  const kept = keep()
  return async () => {
    closing.abort()
    await line.end({ timeout: 5 })
    lost.resolve()
    await kept
  }
}

async function take(line: Sql, { own: { id }, adopts }: Ownership): Promise<void> {
  const isFree = await tryHold(line)
  const owner = await findOwner(line)
  if (!isFree)
    throw new CannotStart(
      `The database of --database is in use by the local home ${owner?.place ?? 'that is just being started'}.\nStop that one first: knit local stop; if its machine has failed, try again in a minute. Or use another database.`,
    )
  if (owner && owner.id !== id && !adopts)
    throw new CannotStart(
      `The database of --database belongs to the local home ${owner.place}, which has the files of its data.\nStart that one, or use another database. If that one is gone for good, have this one take the database over, without those files: --adopt`,
    )
}

/** False when it is that of another home by now. What the server has not noticed yet may be our own line. */
async function holdAgain(
  line: Sql,
  { own: { id }, log }: Ownership,
  signal: AbortSignal,
): Promise<boolean> {
  log.warn('the line by which this home has its database broke, and is made again')
  while (!signal.aborted) {
    try {
      await hold(line)
      return (await findOwner(line))?.id === id
    } catch {
      await pause(patience, undefined, { signal }).catch(() => {})
    }
  }
  return true
}
