import type { IncomingHttpHeaders } from 'node:http'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import { whole, type Part } from '#shared/domain/archive-part.ts'

/** A part of an archive, in the headers of a call to an agent. */
export const partHeaders = ({ from, last, keep }: Part): Record<string, string> => ({
  'upload-offset': `${from}`,
  'upload-complete': last ? '?1' : '?0',
  'knit-keep': `${keep}`,
})

/** What `partHeaders` wrote; all of an archive where they are absent. */
export const readPart = (headers: IncomingHttpHeaders): Part => ({
  from: Number(headers['upload-offset'] ?? whole.from),
  last: headers['upload-complete'] !== '?0',
  keep: Number(headers['knit-keep'] ?? whole.keep),
})

/** What an archive may hold, beside a part of it: an agent knows no settings. */
export const limitHeaders = (limits: ArchiveLimits): Record<string, string> => ({
  'knit-limits': JSON.stringify(limits),
})

/** What `limitHeaders` wrote. */
export const readLimits = ({ 'knit-limits': limits = '{}' }: IncomingHttpHeaders): ArchiveLimits =>
  JSON.parse(String(limits)) as ArchiveLimits
