import { watch } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { isMissing } from '#shared/files/error-code.ts'

export type FollowOptions = {
  /** The folder the file is in; the file itself may come later. */
  folder: string
  file: string
  /** Whether nothing will be written any more. */
  isOver: () => boolean
  /** Calls back when that may have changed, until the returned function is called. */
  listen: (listener: () => void) => () => void
  signal: AbortSignal
}

const PIECE = 64 * 1024
// We are told of everything by the kernel; this is for ends nobody was there to tell of.
const LOOK_AGAIN = 1000

/** What is written to a file, from its first byte until it is over. */
export function follow(options: FollowOptions): Readable {
  const bell = new Bell()
  const stream = Readable.from(pieces(options, bell), { objectMode: false })
  stream.once('close', () => bell.ring())
  return stream
}

async function* pieces({ folder, file, isOver, listen, signal }: FollowOptions, bell: Bell) {
  const watcher = watch(folder, () => bell.ring())
  const stopListening = listen(() => bell.ring())
  const onAbort = () => bell.ring()
  signal.addEventListener('abort', onAbort)
  let source: FileHandle | undefined
  try {
    while (!signal.aborted) {
      // Asked before reading: what was written until then is still delivered.
      const over = isOver()
      source ??= await openIfThere(join(folder, file))
      if (source) yield* rest(source, signal)
      if (over) return
      await bell.rung(LOOK_AGAIN)
    }
  } finally {
    watcher.close()
    stopListening()
    signal.removeEventListener('abort', onAbort)
    await source?.close()
  }
}

/** From where reading has stopped to where the file ends now. */
async function* rest(source: FileHandle, signal: AbortSignal) {
  while (!signal.aborted) {
    const { bytesRead, buffer } = await source.read(Buffer.allocUnsafe(PIECE), 0, PIECE, null)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Remembers that it was rung, so that nothing is missed by who is not waiting just then. */
class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  async rung(patience: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patience)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#rung = false
    this.#wake = undefined
  }
}
