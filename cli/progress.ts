import { Readable } from 'node:stream'
import { visible } from '#shared/domain/visible.ts'
import type { Context } from './context.ts'
import { clearLine, drawLine } from './drawn-line.ts'
import { spanText } from './formats.ts'
import { endOf } from './width.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
const drawnEvery = 100
const usualWidth = 80
// Earlier, what is left is a guess.
const knownAfter = 1000

export type Progress = {
  update(at: { bytes: number; path: string }): void
  end(): void
}

/**
 * A line on the terminal that counts bytes, with the time that is left once `total` knows how many there will be; nothing where there
 * is no terminal.
 */
export function progress(
  { stderr, flags }: Pick<Context, 'stderr' | 'flags'>,
  total: () => number | undefined = () => undefined,
): Progress {
  const isShown = stderr.isTTY && !flags.quiet
  const start = Date.now()
  let drawn = 0
  return {
    update({ bytes, path }) {
      const now = Date.now()
      if (!isShown || now - drawn < drawnEvery) return
      drawn = now
      const head = headOf(bytes, total(), now - start)
      const room = (stderr.columns || usualWidth) - 1 - head.length - 2
      drawLine(stderr, `${head}  ${endOf(visible(path), room)}`.trimEnd())
    },
    end() {
      clearLine(stderr)
    },
  }
}

/** Shows how far something has come at the most: what goes on where it broke looks through what was sent before. */
export function onward(bar: Progress): Progress {
  let most = 0
  return {
    update({ bytes, path }) {
      most = Math.max(most, bytes)
      bar.update({ bytes: most, path })
    },
    end: () => bar.end(),
  }
}

/** How much there is by now, how fast it comes, and how long the rest will take. */
function headOf(bytes: number, total: number | undefined, millis: number): string {
  const rate = bytes / Math.max(0.001, millis / 1000)
  const speed = `${shownBytes(rate)}/s`
  if (total === undefined || total < bytes) return [shownBytes(bytes), speed].join('  ')
  const share = total === 0 ? 1 : bytes / total
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  const left = millis < knownAfter || rate === 0 ? [] : [`${leftText((total - bytes) / rate)} left`]
  return [percent, `${shownBytes(bytes)} of ${shownBytes(total)}`, speed, ...left].join('  ')
}

/** Whole seconds below a minute, then as any length of time. */
const leftText = (seconds: number): string =>
  seconds < 60 ? `${Math.ceil(seconds)} s` : spanText(seconds * 1000)

/** How much has come, of how much as far as that is known. */
export type Gauge = {
  readonly bytes: number
  readonly total: number | undefined
  add(chunk: Buffer): Promise<void>
}

/** A download as it comes, which is counted on the terminal until its end: byte by byte, unless a gauge counts otherwise. */
export function counted(
  download: Readable,
  path: string,
  ctx: Context,
  gauge: Gauge = asItComes(),
): Readable {
  return Readable.from(counting(download, path, ctx, gauge), { objectMode: false })
}

function asItComes(): Gauge {
  const gauge = {
    bytes: 0,
    total: undefined,
    async add({ length }: Buffer) {
      gauge.bytes += length
    },
  }
  return gauge
}

async function* counting(
  download: AsyncIterable<Buffer>,
  path: string,
  ctx: Context,
  gauge: Gauge,
) {
  const bar = progress(ctx, () => gauge.total)
  try {
    for await (const chunk of download) {
      await gauge.add(chunk)
      bar.update({ bytes: gauge.bytes, path })
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
