import type { Measure } from './worker.ts'

/** What a line brings of an archive. */
export type Part = {
  /** How many bytes of the archive came before. */
  from: number
  /** Whether the archive ends with it. */
  last: boolean
  /** Seconds for which what came is kept for the rest to follow, when the line breaks. */
  keep: number
}

export const whole: Part = { from: 0, last: true, keep: 0 }

/** How many bytes of an archive have come, their MD5, and what they were unpacked to once all of them are on disk. */
export type Received = { bytes: number; md5: string; measure?: Measure }
