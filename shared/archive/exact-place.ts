import { constants, type Stats } from 'node:fs'
import { lstat, open, readlink, realpath, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { quoted } from './archive-error.ts'
import { LOST_AND_FOUND } from './entry-name.ts'
import { NoSuchFile, Unreadable } from './file-error.ts'
import { followInside, type Step } from './inner-links.ts'
import { READ } from './walk.ts'

/*
 * A path that was looked up leads elsewhere as soon as one of its directories becomes a link, and programs may be at work in a tree while
 * it is read. So whatever is opened says where it is, and from then on it is the only thing that is asked.
 */

/** Where a path within a tree leads: inside of it, by a way that is free of links, and what was there. */
export type ExactPlace = { location: string; stats: Stats }

/** Finds a place, by links that stay inside; a link at the end of the path is a place itself, unless it is to be `followed`. */
export async function findPlace(
  root: string,
  path: string,
  { followed }: { followed: boolean },
): Promise<ExactPlace> {
  const tree = await realpath(root)
  const look = async (at: readonly string[], isLast: boolean): Promise<Step> => {
    const location = join(tree, ...at)
    const stats = await lstat(location)
    if (stats.isDirectory()) return 'directory'
    const leadsOn = stats.isSymbolicLink() && (followed || !isLast)
    return leadsOn ? { target: await readlink(location) } : 'end'
  }
  const end = await told(path, () => followInside(path, look), isNowhere)
  if (end === 'outside') throw new NoSuchFile(`${quoted(path)} leads out of the data`)
  if (end === 'circle') throw new NoSuchFile(`${quoted(path)} leads in a circle`)
  if (!end.isWhole || end.at[0] === LOST_AND_FOUND) throw nothingAt(path)
  const location = join(tree, ...end.at)
  return { location, stats: await told(path, () => lstat(location), isNowhere) }
}

/** Opens what is at a place that is free of links; anything else that has taken its place meanwhile is not there. */
export async function openPlace(location: string, flags = 0): Promise<FileHandle> {
  const handle = await open(location, READ | flags)
  try {
    if ((await readlink(pathOf(handle))) === location) return handle
    throw new NoSuchFile('what was there has just been replaced')
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Does something with a directory that is free of links: `at` leads to it, whatever becomes of its path. */
export async function inDirectory<T>(
  location: string,
  work: (at: string) => Promise<T>,
): Promise<T> {
  const handle = await openPlace(location, constants.O_DIRECTORY)
  try {
    return await work(pathOf(handle))
  } finally {
    await handle.close()
  }
}

/** As a link it says where that is which was opened; as a part of a path it is that itself. */
const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`

const reasons: Record<string, string> = {
  EACCES: 'may be read by nobody but whom the program ran as',
  EPERM: 'may be read by nobody but whom the program ran as',
  ENAMETOOLONG: 'lies too deep',
}

/** Does something at a path within a tree, and tells in words what stands against it. Throws `NoSuchFile` and `Unreadable`. */
export async function told<T>(
  path: string,
  work: () => Promise<T>,
  isAbsent: (error: unknown) => boolean = isGone,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isAbsent(error)) throw nothingAt(path, error)
    const why = reasons[codeOf(error)]
    if (why) throw new Unreadable(`${named(path)} ${why}`, { cause: error })
    throw error
  }
}

export const nothingAt = (path: string, cause?: unknown): NoSuchFile =>
  new NoSuchFile(`there is nothing at ${named(path)}`, { cause })

/** A path as it is told to people. */
export const named = (path: string): string => (path === '' ? 'the root of the data' : quoted(path))

/** Whether something is not where it was looked for, or is something else by now. */
function isGone(error: unknown): boolean {
  return (
    error instanceof NoSuchFile || ['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL'].includes(codeOf(error))
  )
}

/** … or could not be there: no file has such a name. */
const isNowhere = (error: unknown): boolean => isGone(error) || codeOf(error) === 'ENAMETOOLONG'

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''
