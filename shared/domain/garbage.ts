import * as z from 'zod'
import { Time } from './time.ts'

/** A volume nobody needs any more, as admins see it until it has been deleted. */
export const Garbage = z
  .object({
    volume: z.string().describe('Name of the volume.'),
    failures: z.int().nonnegative().describe('How often it could not be deleted.'),
    reason: z.string().optional().describe('Why not, the last time.'),
    createdAt: Time.describe('When it was no longer needed.'),
    dueAt: Time.describe('When it is to be deleted, or that is tried again.'),
  })
  .meta({ id: 'Garbage' })
export type Garbage = z.infer<typeof Garbage>
