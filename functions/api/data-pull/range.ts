import { createHash } from 'node:crypto'
import type { Coding } from '#shared/domain/archive-type.ts'

/*
 * How long an archive is nobody knows before it has been made; so a part of one has no end that could be named. As RFC 8673 has it,
 * the end is named by a number that is greater than any.
 */
const anyLength = Number.MAX_SAFE_INTEGER

/** What names the very bytes of an archive; undefined where they may still change. */
export function etagOf(digest: string | null, coding: Coding): string | undefined {
  if (digest === null) return undefined
  // Other versions may compress the same to other bytes.
  const made = JSON.stringify([digest, coding, process.versions.zlib, process.versions['zstd']])
  return `"${createHash('sha256').update(made).digest('base64url').slice(0, 22)}"`
}

/** How many bytes of an archive are not wanted: a caller who goes on with the same one has them. */
export function leftOut(headers: Pick<Headers, 'get'>, etag: string | undefined): number {
  const [, from = '0', to] = /^bytes=(\d{1,15})-(\d*)$/.exec(headers.get('range') ?? '') ?? []
  const isOpen = !to || Number(to) >= anyLength
  const isSame = [null, etag].includes(headers.get('if-range'))
  return etag !== undefined && isOpen && isSame ? Number(from) : 0
}

export const contentRange = (from: number): string => `bytes ${from}-${anyLength}/*`
