import * as z from 'zod'
import { Time } from './time.ts'

/** One thing that data hold. */
export const FileEntry = z
  .object({
    path: z.string().describe('Where it is in the data: its names, with `/` between.'),
    type: z
      .enum(['file', 'directory', 'symlink'])
      .describe('Of directories, those that are empty are listed.'),
    size: z.int().describe('Bytes; 0 of what is no file.'),
    mode: z.string().describe('Its permissions in octal, such as 644.'),
    mtime: Time.describe('When it was last written to.'),
    target: z.string().optional().describe('Where a symlink leads, as it stands there.'),
  })
  .meta({ id: 'FileEntry' })
export type FileEntry = z.infer<typeof FileEntry>

/** A part of what data hold, in the order of an archive of them: that of the bytes of names, directory by directory. */
export const FileList = z
  .object({
    files: z.array(FileEntry),
    after: z.string().optional().describe('There is more: ask again with this as `after`.'),
  })
  .meta({ id: 'FileList' })
export type FileList = z.infer<typeof FileList>

/** What of data is to be listed: `path` and what is below it, from behind `after` on, which is below `path`. */
export type FilesAsked = { path: string; limit: number; after?: string | undefined }
