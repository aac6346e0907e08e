import * as z from 'zod'
import { formatTag, type Tag } from './tag.ts'

/** A tag on its way out: always text. */
export const TagOut = z.string().describe('A tag: "KEY:VALUE".')

export const Mountpoint = z
  .object({
    path: z.string().describe('Absolute path in the container.'),
    tags: z.array(TagOut).describe('Tags of the mount point, sorted.'),
  })
  .meta({ id: 'Mountpoint' })
export type Mountpoint = z.infer<typeof Mountpoint>

export const LogPoint = z
  .object({ tags: z.array(TagOut).describe('Tags of the log, sorted.') })
  .meta({ id: 'LogPoint' })
export type LogPoint = z.infer<typeof LogPoint>

export const showTags = (tags: readonly Tag[]): string[] => tags.map(formatTag)
