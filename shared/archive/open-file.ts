import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { bytesOf, type ByteRange, type FileBytes } from '#shared/domain/byte-range.ts'
import { findPlace, named, openPlace, told } from './exact-place.ts'
import { NoSuchBytes, NotAFile } from './file-error.ts'
import { changed } from './walk.ts'

const PIECE = 256 * 1024

/**
 * Opens a file at a path within a tree; by links too, as long as they stay inside. It is as long as it is now: what is added later is
 * not read. Throws `NoSuchFile`, `NotAFile`, `Unreadable`, and `NoSuchBytes` of a range.
 */
export async function openFile(
  root: string,
  path: string,
  range?: ByteRange,
): Promise<FileBytes & { content: Readable }> {
  const { location, stats } = await findPlace(root, path, { followed: true })
  requireFile(path, stats)
  const handle = await told(path, () => openPlace(location))
  try {
    const now = await handle.stat()
    requireFile(path, now)
    const part = bytesOf(range, now.size)
    if (!part) throw new NoSuchBytes(now.size)
    return { ...part, content: contentOf(handle, path, part) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function requireFile(path: string, stats: Stats): void {
  if (stats.isDirectory()) throw new NotAFile(`${named(path)} is a directory`)
  if (!stats.isFile()) throw new NotAFile(`${named(path)} is no file, and has no content to read`)
}

/** Closes the file when it is closed itself, read or not. */
function contentOf(handle: FileHandle, path: string, { from, bytes }: FileBytes): Readable {
  const end = from + bytes
  let position = from
  const next = async (): Promise<Buffer | null> => {
    const room = Math.min(PIECE, end - position)
    if (room === 0) return null
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(room), 0, room, position)
    if (bytesRead === 0) throw changed(path)
    position += bytesRead
    return buffer.subarray(0, bytesRead)
  }
  return new Readable({
    highWaterMark: PIECE,
    read() {
      next().then(
        (piece) => this.push(piece),
        (error: Error) => this.destroy(error),
      )
    },
    destroy(reason, done) {
      // Nothing is lost with a file that was only read.
      const closed = () => done(reason)
      handle.close().then(closed, closed)
    },
  })
}
