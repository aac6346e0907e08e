import * as z from 'zod'
import type { Measure } from '#shared/ports/cluster.ts'

// What Kubernetes keeps of the last words of a container.
const most = 4096

const Measures = z.record(
  z.string(),
  z.object({ bytes: z.number(), files: z.number(), digest: z.string() }),
)

/** What was measured as the last words of a container: as many volumes as there is room for. */
export function lastWords(measures: ReadonlyMap<string, Measure>): string {
  const said: Record<string, Measure> = {}
  let text = '{}'
  for (const [volume, measure] of measures) {
    said[volume] = measure
    const longer = JSON.stringify(said)
    if (longer.length > most) break
    text = longer
  }
  return text
}

/** What was measured, if these are such words. */
export function measuresFrom(words: string | undefined): { measures?: Record<string, Measure> } {
  if (!words) return {}
  try {
    return { measures: Measures.parse(JSON.parse(words)) }
  } catch {
    return {}
  }
}
