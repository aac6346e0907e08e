import { pause } from '#shared/client/retry.ts'
import { anyProcess } from '#shared/files/any-process.ts'
import { codeOf } from '#shared/files/error-code.ts'
import { removeStale, takeLock } from '#shared/files/lock.ts'
import type { Context } from '../context.ts'
import { Failure, first } from '../failure.ts'
import { sessionsFile } from './sessions.ts'

// Longer than one `knit` may take: it asks a provider twice, which has five seconds each time.
const patience = 15_000
const lookedEvery = 100

/**
 * Does something with the sessions of a user that no other `knit` may disturb: a refresh token is good once, and of two changes
 * of one file made at a time one would be lost.
 */
export async function alone<T>(ctx: Context, work: () => T | Promise<T>): Promise<T> {
  const lock = await lockOf(`${sessionsFile(ctx)}.lock`, ctx.signal)
  try {
    return await work()
  } finally {
    lock.release()
  }
}

type Lock = { release(): void }

/** Waits for who has the lock. Who has it for longer than anybody needs it was stopped, or killed long ago. */
async function lockOf(file: string, signal: AbortSignal): Promise<Lock> {
  for (let [waited, firstSeen] = [0, '']; ; waited += lookedEvery) {
    const taken = takenOf(file)
    if ('release' in taken) return taken
    const { id } = taken.heldBy
    firstSeen ||= id
    if (waited >= patience) {
      if (id !== firstSeen) throw tooMany
      removeStale(file, id, anyProcess)
      ;[waited, firstSeen] = [0, '']
    }
    await pause(lookedEvery, signal)
  }
}

const tooMany = new Failure(
  'others of your commands have been renewing your sign-in for 15 seconds',
  first('wait a while'),
)

// The first are what file systems of networks say that know no links.
const impossible = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES', 'EROFS'])

/** Where no lock can be made there is none: better than that nobody signs in there, or out. */
function takenOf(file: string): ReturnType<typeof takeLock<{ pid: number; host: string }>> {
  try {
    return takeLock(file, anyProcess)
  } catch (error) {
    if (!impossible.has(codeOf(error) ?? '')) throw error
    return { release: () => {} }
  }
}
