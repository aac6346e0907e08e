import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { finished, Transform, type Readable } from 'node:stream'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { bodyStream, type NodeBindings } from '#shared/runtime/read-request.ts'
import type { Asked } from '#shared/runtime/web.ts'

type Call = { request: Asked; bindings: NodeBindings }

type Attendance = {
  /** Seconds after which who sends nothing is given up. */
  patience: number
  /** Told of the bytes that come, as they do. */
  count(bytes: number): void
}

/**
 * What `use` makes of the archive that a call brings, and the MD5 of its bytes, which is compared with the one that may follow
 * them. What is wrong on the caller's side is thrown as a `Problem`.
 */
export async function arrive<T>(
  { request, bindings }: Call,
  { patience, count }: Attendance,
  use: (archive: Readable) => Promise<T>,
): Promise<{ made: T; md5: Buffer }> {
  const hash = createHash('md5')
  const archive = observed(bodyStream(request, bindings), (chunk) => {
    hash.update(chunk)
    count(chunk.length)
    silence.refresh()
  })
  const silence = setTimeout(() => {
    // An archive that waits to be written, or is whole, is not late.
    if (archive.writableNeedDrain || archive.writableEnded) silence.refresh()
    else archive.destroy(stalled(patience))
  }, patience * 1000)
  try {
    const made = await use(archive)
    const md5 = hash.digest()
    checkSum(md5.toString('hex'), bindings.incoming?.trailers['x-checksum-md5'])
    return { made, md5 }
  } catch (error) {
    throw explained(error, bindings.incoming)
  } finally {
    clearTimeout(silence)
  }
}

/** The body, observed on its way. Not by `pipeline`: an archive that is refused leaves the connection open, for the answer that says why. */
function observed(body: Readable, observe: (chunk: Buffer) => void): Transform {
  const archive = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      observe(chunk)
      done(null, chunk)
    },
  })
  finished(body, { writable: false }, (error) => error && archive.destroy(error))
  // The line may break before anybody reads; who reads then is told.
  return body.pipe(archive.on('error', () => {}))
}

const stalled = (patience: number): Problem =>
  new Problem(
    'upload-stalled',
    `Nothing of the archive came for ${patience} seconds, so the upload was given up; push it again.`,
  )

function checkSum(own: string, sent: string | string[] | undefined): void {
  if (sent === undefined || sent === own) return
  throw new Problem(
    'checksum-mismatch',
    `The bytes that arrived have the MD5 ${own}, not ${String(sent)}; push them again.`,
  )
}

function explained(error: unknown, incoming: IncomingMessage | undefined): unknown {
  if (error instanceof ArchiveError)
    return new Problem('bad-archive', error.message, { cause: error })
  if (!isBrokenLine(error, incoming)) return error
  const why = 'The connection broke before the archive was whole; push it again.'
  return new Problem('bad-archive', why, { cause: error })
}

/** True when it was the caller's line that broke, and not one of our own. */
const isBrokenLine = (error: unknown, incoming: IncomingMessage | undefined): boolean =>
  (!incoming || (incoming.destroyed && !incoming.complete)) &&
  error instanceof Error &&
  'code' in error &&
  ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(String(error.code))
