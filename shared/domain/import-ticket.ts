import * as z from 'zod'
import { KnitId, RunId } from './ids.ts'

/** What an importer is told, and what is known of the import by that. Times are in seconds since 1970. */
export const ImportTicket = z.object({
  jti: z.uuid(),
  knitId: KnitId,
  runId: RunId,
  issuedAt: z.int(),
  expiresAt: z.int(),
})
export type ImportTicket = z.infer<typeof ImportTicket>
