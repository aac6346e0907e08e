import type { Measure } from '#shared/domain/worker.ts'
import { flush } from './flush.ts'
import { measure } from './measure.ts'
import type { WalkOptions } from './walk.ts'

/** Programs leave such things behind; they are no part of what is kept. */
export const lenient: WalkOptions = { skipSpecial: true }

/** Measures what programs have written to a directory; when it returns, that is on disk for good. */
export async function keep(dir: string): Promise<Measure> {
  const measured = await measure(dir, lenient)
  await flush(dir, measured.files)
  return measured
}
