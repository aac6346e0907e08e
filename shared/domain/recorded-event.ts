import * as z from 'zod'
import { Time } from './time.ts'

/** An event that has not reached everybody, as admins see it. */
export const RecordedEvent = z
  .object({
    eventId: z.uuid().describe('Of a dead one, the id to replay or drop it by.'),
    name: z.string().describe('What happened.'),
    subject: z.string().describe('To which thing.'),
    data: z.record(z.string(), z.unknown()).describe('Ids of the things it is about.'),
    time: Time.describe('When it was recorded.'),
    dead: z
      .object({
        step: z.string().describe('The step that did not serve it.'),
        cause: z.string().describe('Why, in the words of the last failure.'),
        times: z.int().positive().describe('How often it was given up.'),
        since: Time.describe('When it was given up first.'),
        at: Time.describe('When it was given up last.'),
      })
      .optional()
      .describe('Present once no delivery helped; otherwise it waits to be published.'),
  })
  .meta({ id: 'RecordedEvent' })
export type RecordedEvent = z.infer<typeof RecordedEvent>
