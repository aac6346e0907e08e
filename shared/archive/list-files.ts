import { isUtf8 } from 'node:buffer'
import type { Stats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileEntry, FileList, FilesAsked } from '#shared/domain/file-list.ts'
import { formatTime } from '#shared/domain/time.ts'
import { quoted } from './archive-error.ts'
import { LOST_AND_FOUND } from './entry-name.ts'
import { findPlace, inDirectory, nothingAt, told } from './exact-place.ts'
import { NoSuchFile, Unreadable } from './file-error.ts'

// Names may be long: a part of a list ends when all of its texts have so many characters together.
const MOST_TEXT = 2 ** 20
// Looked at together, while their directory is open.
const WIDTH = 64
// What can be written as a time.
const FIRST_TIME = Date.parse('0001-01-01T00:00:00Z')
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * A part of what is at a path within a tree, in the order of `pack` and with what that packs: files, links, and directories that are
 * empty. Links are listed and not followed, but for those on the way to the path, which have to stay inside. Throws `NoSuchFile`,
 * and `Unreadable` where something cannot be listed.
 */
export async function listFiles(
  root: string,
  { path, limit, after }: FilesAsked,
): Promise<FileList> {
  const files: FileEntry[] = []
  let text = 0
  for await (const entry of entriesAt(root, path, after?.split('/').map(asBytes))) {
    const last = files.at(-1)
    if (last && (files.length >= limit || text >= MOST_TEXT))
      return { files, after: last.path.slice(path === '' ? 0 : path.length + 1) }
    files.push(entry)
    text += entry.path.length + (entry.target?.length ?? 0)
  }
  return { files }
}

/** One character for each byte of a name, so that the order of characters is the order of bytes. */
const asBytes = (name: string): string => Buffer.from(name).toString('latin1')

/** A directory, of which all that is behind `after` is listed: that has the names of what came last, below it, as bytes. */
type Folder = { location: string; path: string; stats: Stats; after?: string[] | undefined }
type Seen = { bytes: string; name: string; path: string; stats: Stats; target?: string }

async function* entriesAt(
  root: string,
  path: string,
  after: string[] | undefined,
): AsyncGenerator<FileEntry> {
  const { location, stats } = await findPlace(root, path, { followed: false })
  if (stats.isDirectory()) return yield* entriesIn({ location, path, stats, after })
  const above = { location: dirname(location), path: path.slice(0, -basename(path).length - 1) }
  const [seen] = await lookAt(above, [asBytes(basename(location))])
  if (!seen) throw nothingAt(path)
  if (!after) yield entryOf(seen)
}

async function* entriesIn(folder: Folder): AsyncGenerator<FileEntry> {
  const [first, ...rest] = folder.after ?? []
  let isEmpty = true
  for await (const seen of thingsIn(folder, first)) {
    isEmpty = false
    const isFirst = seen.bytes === first
    const location = join(folder.location, seen.name)
    if (seen.stats.isDirectory())
      yield* entriesIn({ ...seen, location, after: isFirst ? rest : undefined })
    else if (!isFirst) yield entryOf(seen)
  }
  if (isEmpty && !folder.after && folder.path !== '') yield entryOf(folder)
}

/** What is in a directory, from a name on. */
async function* thingsIn(folder: Folder, first = ''): AsyncGenerator<Seen> {
  const { location, path } = folder
  const list = (at: string) => readdir(at, { encoding: 'latin1' })
  const names = await unlessGone(path, () => inDirectory(location, list))
  const isOurs = (name: string) => path !== '' || name !== LOST_AND_FOUND
  const left = names.filter((name) => name >= first && isOurs(name)).sort()
  for (let at = 0; at < left.length; at += WIDTH)
    yield* await lookAt(folder, left.slice(at, at + WIDTH))
}

/** Looks at things of one directory; those that have gone meanwhile, or hold no bytes to keep, are passed over. */
async function lookAt(
  { location, path }: Pick<Folder, 'location' | 'path'>,
  names: readonly string[],
): Promise<Seen[]> {
  const look = async (at: string) => {
    const looks = names.map((bytes) => unlessGone(path, () => lookAtOne({ at, path }, bytes)))
    // All have ended before the directory is closed, also when one fails.
    await Promise.allSettled(looks)
    return Promise.all(looks)
  }
  return (await unlessGone(path, () => inDirectory(location, look))).flat()
}

async function lookAtOne(folder: { at: string; path: string }, bytes: string): Promise<Seen[]> {
  const raw = Buffer.from(bytes, 'latin1')
  const name = raw.toString()
  const path = folder.path === '' ? name : `${folder.path}/${name}`
  if (!isUtf8(raw)) throw new Unreadable(`${quoted(path)} has a name that is not UTF-8`)
  const location = `${folder.at}/${name}`
  const stats = await lstat(location)
  const seen = { bytes, name, path, stats }
  if (stats.isSymbolicLink()) return [{ ...seen, target: await readlink(location) }]
  return stats.isFile() || stats.isDirectory() ? [seen] : []
}

/** Nothing, where what was there is not there any more. */
async function unlessGone<T>(path: string, work: () => Promise<T[]>): Promise<T[]> {
  try {
    return await told(path, work)
  } catch (error) {
    if (error instanceof NoSuchFile) return []
    throw error
  }
}

function entryOf({ path, stats, target }: Omit<Seen, 'bytes' | 'name'>): FileEntry {
  const mtime = new Date(Math.min(Math.max(stats.mtimeMs, FIRST_TIME), LAST_TIME))
  return {
    path,
    type: stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'symlink',
    size: stats.isFile() ? stats.size : 0,
    mode: (stats.mode & 0o777).toString(8).padStart(3, '0'),
    mtime: formatTime(mtime),
    ...(target !== undefined && { target }),
  }
}
