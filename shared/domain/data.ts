import * as z from 'zod'
import { KnitId } from './ids.ts'
import { PlanSummary } from './plan-summary.ts'
import { RunSummary } from './run-summary.ts'
import { isSystemTag, TagIn } from './tag.ts'
import { LogPoint, Mountpoint, TagOut } from './wire.ts'

/** What a data holds, and so the room it takes. */
export const DataContent = z
  .object({
    bytes: z.int().describe('Bytes of all its files.'),
    files: z.int().describe('Files, and links.'),
    digest: z.string().describe('Changes with any byte, name or mode in it.'),
  })
  .meta({ id: 'DataContent' })

export const DataDetail = z
  .object({
    knitId: KnitId,
    tags: z.array(TagOut).describe("The user's tags and the system's, sorted."),
    upstream: z
      .object({
        mountpoint: Mountpoint.optional().describe('The output it was written to.'),
        log: LogPoint.optional().describe('Present when it is the log of the run.'),
        run: RunSummary,
      })
      .describe('The run that made it.'),
    downstreams: z
      .array(z.object({ mountpoint: Mountpoint, run: RunSummary }))
      .describe('The runs that read it, and where.'),
    nomination: z
      .array(z.object({ ...Mountpoint.shape, plan: PlanSummary }))
      .describe('The inputs of plans it fits.'),
    // What follows not every server of this API tells.
    content: DataContent.optional().describe('What it holds, once that is known.'),
  })
  .meta({ id: 'DataDetail' })
export type DataDetail = z.infer<typeof DataDetail>

/** A change of the user's tags of a data: removals first, then additions. */
export const TagChange = z
  .object({
    add: z.array(TagIn).nullish().describe('Tags to put; one that is there already stays.'),
    remove: z.array(TagIn).nullish().describe('Exact tags to take away.'),
    remove_key: z
      .array(z.string().refine((key) => !key.includes('\0'), 'a key has no NUL character'))
      .nullish()
      .describe('Keys of which every tag is taken away.'),
  })
  .nullable()
  .meta({ id: 'TagChange' })
export type TagChange = z.infer<typeof TagChange>

/** The first system tag of a change, which users may not make. */
export function forbiddenInChange(change: TagChange): string | undefined {
  const keys = [
    ...(change?.add ?? []).filter(isSystemTag).map(({ key }) => key),
    ...(change?.remove ?? []).filter(isSystemTag).map(({ key }) => key),
    ...(change?.remove_key ?? []).filter((key) => isSystemTag({ key, value: '' })),
  ]
  return keys[0]
}
