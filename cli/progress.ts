import { Readable } from 'node:stream'
import { visible } from '#shared/domain/visible.ts'
import type { Context } from './context.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
const drawnEvery = 100

/** A line on the terminal that counts bytes; nothing where there is no terminal. */
export function progress({ stderr, flags }: Context) {
  const isShown = stderr.isTTY && !flags.quiet
  const start = Date.now()
  let drawn = 0
  return {
    update({ bytes, path }: { bytes: number; path: string }): void {
      const now = Date.now()
      if (!isShown || now - drawn < drawnEvery) return
      drawn = now
      const rate = bytes / Math.max(0.001, (now - start) / 1000)
      stderr.write(`\r\u001B[K${shownBytes(bytes)}  ${shownBytes(rate)}/s  ${tail(path)}`)
    },
    end(): void {
      if (drawn > 0) stderr.write('\r\u001B[K')
    },
  }
}

/** A download as it comes, which is counted on the terminal until its end. */
export function counted(download: Readable, path: string, ctx: Context): Readable {
  return Readable.from(counting(download, path, ctx), { objectMode: false })
}

async function* counting(download: AsyncIterable<Buffer>, path: string, ctx: Context) {
  const bar = progress(ctx)
  let bytes = 0
  try {
    for await (const chunk of download) {
      bytes += chunk.length
      bar.update({ bytes, path })
      yield chunk
    }
  } finally {
    bar.end()
  }
}

export function shownBytes(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

const tail = (path: string): string => {
  const shown = visible(path)
  return shown.length > 50 ? `…${shown.slice(-49)}` : shown
}
