import type { Readable } from 'node:stream'
import { Problem } from '#shared/contracts/problems.ts'
import { beginDownload, endDownload, renewDownload } from '#shared/database/downloads.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import type { Context } from './context.ts'

/** Data that nobody deletes meanwhile; `digest` is that of data that nobody writes to any more, if it is known. */
export type LeasedData = { volume: string; digest: string | null }

/**
 * Does something with data that nobody deletes meanwhile; where that opens a stream, until the stream is closed. Throws
 * `data-not-found`.
 */
export async function leased<T>(
  { sql, config }: Pick<Context, 'sql' | 'config'>,
  knitId: string,
  work: (data: LeasedData) => Promise<T>,
  streamIn?: (opened: T) => Readable,
): Promise<T> {
  const lease = config.uploadLease
  const download = await beginDownload(sql, knitId, lease)
  if (!download) throw new Problem('data-not-found', `No data has the id ${knitId}.`)
  const { agentId, digest } = download
  const renewal = setInterval(
    () => void renewDownload(sql, agentId, lease).catch(() => {}),
    (lease * 1000) / 3,
  )
  // A lease that cannot be given back passes by itself.
  const end = (): void => {
    clearInterval(renewal)
    endDownload(sql, agentId).catch(() => {})
  }
  try {
    const done = await work({ volume: volumeOf(knitId), digest })
    if (streamIn) streamIn(done).once('close', end)
    else end()
    return done
  } catch (error) {
    end()
    throw error
  }
}
