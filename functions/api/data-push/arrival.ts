import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { finished, Transform, type Readable } from 'node:stream'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { NotKept, TakenOver, WrongOffset } from '#shared/archive/reception-error.ts'
import { Problem, type ProblemCode } from '#shared/contracts/problems.ts'
import { bodyStream, type NodeBindings } from '#shared/runtime/read-request.ts'
import type { Asked } from '#shared/runtime/web.ts'
import { takenOver } from './over.ts'
import { gone, progressHeaders } from './parts.ts'

type Call = { request: Asked; bindings: NodeBindings }

type Attendance = {
  /** Seconds after which who sends nothing is given up. */
  patience: number
  /** Told of the bytes that come, as they do. */
  count(bytes: number): void
}

/**
 * What `use` makes of the archive that a call brings, or of a part of it, and the MD5 of all that has come of it, which is compared
 * with the one that may follow. What is wrong on the caller's side is thrown as a `Problem`.
 */
export async function arrive<T extends { md5: string }>(
  { request, bindings }: Call,
  { patience, count }: Attendance,
  use: (archive: Readable) => Promise<T>,
): Promise<T> {
  const archive = observed(bodyStream(request, bindings), (chunk) => {
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
    checkSum(made.md5, bindings.incoming?.trailers['x-checksum-md5'])
    return made
  } catch (error) {
    throw explained(error, bindings.incoming)
  } finally {
    clearTimeout(silence)
  }
}

/** Reads what is kept already, to know that it is the same. */
export async function passOver(archive: Readable): Promise<{ md5: string }> {
  const hash = createHash('md5')
  for await (const chunk of archive as AsyncIterable<Buffer>) hash.update(chunk)
  return { md5: hash.digest('hex') }
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
    return new Problem(problemOf(error), error.message, { cause: error })
  if (error instanceof NotKept) return gone(error)
  if (error instanceof WrongOffset) return elsewhere(error)
  if (error instanceof TakenOver) return takenOver(error)
  if (!isBrokenLine(error, incoming)) return error
  const why = 'The connection broke before the archive was whole; push it again.'
  return new Problem('upload-broken', why, { cause: error })
}

const problemOf = ({ code }: ArchiveError): ProblemCode =>
  code === 'too-large' ? 'too-large' : 'bad-archive'

const elsewhere = (cause: WrongOffset): Problem =>
  new Problem(
    'upload-offset',
    `Of the archive ${cause.bytes} bytes have come; go on with the byte behind them.`,
    { cause, headers: progressHeaders(cause) },
  )

/** True when it was the caller's line that broke, and not one of our own. */
const isBrokenLine = (error: unknown, incoming: IncomingMessage | undefined): boolean =>
  (!incoming || (incoming.destroyed && !incoming.complete)) &&
  error instanceof Error &&
  'code' in error &&
  ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(String(error.code))
