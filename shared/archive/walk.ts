import { isUtf8 } from 'node:buffer'
import fs, { constants, type Stats } from 'node:fs'
import { open, readdir, readlink, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { ArchiveError, quoted } from './archive-error.ts'
import { LOST_AND_FOUND } from './entry-name.ts'

/** Something found in a tree; `path` is relative to its root, with `/`. */
export type Found =
  | { kind: 'directory'; path: string; stats: Stats; empty: boolean }
  | { kind: 'symlink'; path: string; stats: Stats; target: string }
  | FoundFile

/** `content` is there when the file is small. */
export type FoundFile = {
  kind: 'file'
  path: string
  stats: Stats
  location: string
  content?: Buffer
}

export type WalkOptions = {
  /** Whether what a link points to takes the place of the link. */
  dereference?: boolean
  /** Whether sockets, FIFOs and devices, which hold no bytes to keep, are passed over instead of refused. */
  skipSpecial?: boolean
  /** Whether a file that grows while it is read is taken as long as it was, instead of refused. */
  growing?: boolean
}

/** Not through a link, and not waiting for the other end of a FIFO, that has taken the place of a file since we looked. */
export const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const SMALL = 64 * 1024
const PIECE = 256 * 1024
// Looked at in advance within one directory: bounded by WIDTH * SMALL bytes for each level of depth.
const WIDTH = 16

/**
 * Everything below a directory, depth first, each directory's entries in byte order of their names; a directory comes
 * before what is in it. A single file is a tree of one, under its own name.
 */
export async function* walk(root: string, options: WalkOptions = {}): AsyncGenerator<Found> {
  const location = await realpath(root)
  const stats = await lstat(location)
  if (stats.isDirectory()) yield* contents({ location, path: '' }, [location], options)
  else yield await lookAtFile({ location, path: basename(root) }, stats, options)
}

/** Memory for the contents of files that are read one after the other. */
export type Room = { bytes?: Buffer }

/**
 * The content of a file that was found, as long as it was then. Where a `room` is given its pieces lie there, each until the next is
 * asked for.
 */
export async function* contentOf(
  file: FoundFile,
  { growing = false, room }: Pick<WalkOptions, 'growing'> & { room?: Room } = {},
): AsyncGenerator<Buffer> {
  if (file.content) {
    yield file.content
    return
  }
  const handle = await open(file.location, READ)
  try {
    let left = file.stats.size
    for (;;) {
      // One byte more than there should be, to see whether there is one.
      const most = Math.min(PIECE, left + 1)
      const into = room ? (room.bytes ??= Buffer.allocUnsafe(PIECE)) : Buffer.allocUnsafe(most)
      const { bytesRead, buffer } = await handle.read(into, 0, most)
      if ((bytesRead > left && !growing) || (bytesRead === 0 && left > 0)) throw changed(file.path)
      const taken = Math.min(bytesRead, left)
      if (taken === 0) return
      left -= taken
      yield buffer.subarray(0, taken)
    }
  } finally {
    await handle.close()
  }
}

/** `location` is free of links, but for the last name where links are not followed. */
type Place = { location: string; path: string }
type Directory = Place & { kind: 'directory'; stats: Stats }
type Special = { kind: 'special' }
type Seen = Exclude<Found, { kind: 'directory' }> | Directory | Special

/** `chain` holds the directories we are in, to notice a link that leads back into one of them. */
async function* contents(
  place: Place,
  chain: string[],
  options: WalkOptions,
): AsyncGenerator<Found> {
  const names = await sortedNames(place)
  for await (const seen of inOrder(names, (name) => lookAt(below(place, name), options))) {
    if (seen.kind === 'directory') yield* directory(seen, chain, options)
    else if (seen.kind !== 'special') yield seen
  }
}

async function* directory(
  { kind, path, stats, location }: Directory,
  chain: string[],
  options: WalkOptions,
): AsyncGenerator<Found> {
  if (chain.includes(location)) throw unfit(path, 'is a link that leads back to where it is')
  const inside = contents({ location, path }, [...chain, location], options)
  const first = await inside.next()
  yield { kind, path, stats, empty: first.done === true }
  if (!first.done) yield first.value
  yield* inside
}

async function sortedNames({ location, path }: Place): Promise<string[]> {
  // One character per byte, so that the order of characters is the order of bytes.
  const names = await readdir(location, { encoding: 'latin1' })
  return names.filter((name) => path !== '' || name !== LOST_AND_FOUND).sort()
}

function below(place: Place, bytes: string): Place {
  const raw = Buffer.from(bytes, 'latin1')
  const name = raw.toString()
  const path = place.path === '' ? name : `${place.path}/${name}`
  if (!isUtf8(raw)) throw unfit(path, 'has a name that is not UTF-8')
  return { location: join(place.location, name), path }
}

async function lookAt(place: Place, options: WalkOptions): Promise<Seen> {
  const stats = await lstat(place.location).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENAMETOOLONG' ? unfit(place.path, 'lies too deep') : error
  })
  if (stats.isDirectory()) return { kind: 'directory', ...place, stats }
  const isSpecial = !stats.isFile() && !stats.isSymbolicLink()
  if (isSpecial && options.skipSpecial) return { kind: 'special' }
  if (!stats.isSymbolicLink()) return lookAtFile(place, stats, options)
  if (options.dereference) return lookAt(await follow(place), options)
  const target = await readlink(place.location)
  return { kind: 'symlink', path: place.path, stats, target }
}

async function follow({ location, path }: Place): Promise<Place> {
  try {
    return { location: await realpath(location), path }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') throw unfit(path, 'is a link to something that does not exist')
    if (code === 'ELOOP') throw unfit(path, 'is a link that leads back to itself')
    throw error
  }
}

async function lookAtFile(place: Place, stats: Stats, options: WalkOptions): Promise<FoundFile> {
  if (stats.isFIFO()) throw unfit(place.path, 'is a FIFO')
  if (stats.isSocket()) throw unfit(place.path, 'is a socket')
  if (!stats.isFile()) throw unfit(place.path, 'is a device')
  const file: FoundFile = { kind: 'file', ...place, stats }
  if (stats.size <= SMALL) file.content = await readSmall(file, options)
  return file
}

// Callbacks made promises cost half as much as the file handles of fs/promises: that counts with many small files.
const openFile = promisify(fs.open)
const readInto = promisify(fs.read)
const closeFile = promisify(fs.close)
const lstat = promisify(fs.lstat)

async function readSmall(
  { location, path, stats: { size } }: FoundFile,
  { growing = false }: WalkOptions,
): Promise<Buffer> {
  const file = await openFile(location, READ)
  try {
    // Room for one byte more, to see whether there is one.
    const room = Buffer.allocUnsafe(size + 1)
    const { bytesRead } = await readInto(file, room, 0, room.length, 0)
    if (bytesRead < size || (bytesRead > size && !growing)) throw changed(path)
    return room.subarray(0, size)
  } finally {
    await closeFile(file)
  }
}

/** Looks at a few names in advance and still hands the results out in order. */
async function* inOrder<T>(names: string[], look: (name: string) => Promise<T>) {
  const waiting: Promise<T>[] = []
  for (const name of names) {
    const looking = look(name)
    // A failure is met when its turn comes; until then it is not to count as unhandled.
    looking.catch(() => {})
    waiting.push(looking)
    const next = waiting.length >= WIDTH ? waiting.shift() : undefined
    if (next) yield await next
  }
  for (const next of waiting) yield await next
}

function unfit(path: string, why: string): ArchiveError {
  return new ArchiveError(
    'bad-entry',
    `${quoted(path)} ${why}. Only files, directories and symbolic links can be packed; remove or repair it.`,
  )
}

/** What a file is that was written to while it was read. */
export function changed(path: string): ArchiveError {
  return new ArchiveError(
    'changed-while-reading',
    `${quoted(path)} changed while it was read. Wait until nothing writes to it, then try again.`,
  )
}
