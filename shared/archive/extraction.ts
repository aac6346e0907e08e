import { createHash, hash } from 'node:crypto'
import fs, { constants } from 'node:fs'
import { link, lstat, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path/posix'
import { promisify } from 'node:util'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { ArchiveError, quoted } from './archive-error.ts'
import { entryPath, refuse, requireInnerTarget } from './entry-name.ts'
import { requireInside } from './inner-links.ts'
import { TreeMeasure } from './measure.ts'
import type { TarEntry } from './tar-reader.ts'

type Options = {
  maxDataEntries: number
  maxDataBytes: number
  maxDepth: number
  onProgress?: (progress: { bytes: number; path: string }) => void
  signal?: AbortSignal
}

// Never onto or through something that is there: a second entry of a name fails, whatever the first one was.
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
// What its owner may do with a file at least: read it. Windows flushes, and deletes, only what may be written to as well.
const OWN = process.platform === 'win32' ? 0o600 : 0o400
const SMALL = 128 * 1024
const WIDTH = 16

/**
 * Writes entries below a root that was empty. Only directories made here are written into, so nothing is ever written
 * through a link, and not into a directory that merely looks alike where case does not count.
 */
export class Extraction {
  #root: string
  #options: Options
  #tree = new TreeMeasure()
  #directories = new Set<string>()
  #links: string[] = []
  #hardLinks = false
  #entries = 0
  #bytes = 0
  #writing = new Set<Promise<void>>()
  #failures: unknown[] = []

  constructor(root: string, options: Options) {
    this.#root = root
    this.#options = options
  }

  async add(entry: TarEntry): Promise<void> {
    const path = entryPath(entry.name, this.#options.maxDepth)
    if (entry.type === 'directory') return this.#directory(path)
    if (path === '') refuse(entry.name, `it is a ${entry.type} without a name`)
    await this.#parentOf(path)
    this.#countEntry(path)
    if (entry.type === 'file') await this.#file(path, entry)
    else if (entry.type === 'symlink') await this.#symlink(path, entry.target)
    else await this.#hardLink(path, entry.target)
    this.#throwFailure()
  }

  /** Resolves when nothing is being written any more. */
  async settle(): Promise<void> {
    await Promise.all(this.#writing)
  }

  /** What can only be told when everything is there. */
  async finish(): Promise<void> {
    this.#throwFailure()
    for (const path of this.#links) {
      this.#options.signal?.throwIfAborted()
      await requireInside(this.#root, path, this.#directories)
    }
  }

  /** Undefined when it cannot be told without reading the files again. */
  measured(): Measure | undefined {
    return this.#hardLinks ? undefined : this.#tree.result()
  }

  async #directory(path: string): Promise<void> {
    if (path === '' || this.#directories.has(path)) return
    await this.#parentOf(path)
    // Directories that no entry names count as well: a path may make as many as it is deep.
    this.#countEntry(path)
    await mkdir(join(this.#root, path)).catch((error) => onExisting(path, error))
    this.#directories.add(path)
    this.#tree.directory(path)
  }

  async #parentOf(path: string): Promise<void> {
    const slash = path.lastIndexOf('/')
    if (slash > 0) await this.#directory(path.slice(0, slash))
  }

  async #file(path: string, entry: TarEntry): Promise<void> {
    const before = this.#bytes
    this.#countBytes(path, entry.size)
    const mode = (entry.mode & 0o777) | OWN
    const tell = (bytes: number) => this.#options.onProgress?.({ bytes: before + bytes, path })
    const sha256 =
      entry.size > SMALL
        ? await writeLarge(join(this.#root, path), path, mode, entry, tell)
        : await this.#small(path, mode, entry)
    this.#tree.file(path, mode, entry.size, sha256)
    tell(entry.size)
  }

  /** Returns while the file is still being written, with a few others at most. */
  async #small(path: string, mode: number, entry: TarEntry): Promise<string> {
    const content = await entry.whole()
    if (this.#writing.size >= WIDTH) await this.#writing.values().next().value
    const writing = writeSmall(join(this.#root, path), path, mode, content)
      .catch((error) => void this.#failures.push(error))
      .finally(() => this.#writing.delete(writing))
    this.#writing.add(writing)
    return hash('sha256', content)
  }

  async #symlink(path: string, target: string): Promise<void> {
    requireInnerTarget(path, target, this.#options.maxDepth)
    await symlink(target, join(this.#root, path)).catch((error) => onExisting(path, error))
    this.#links.push(path)
    this.#tree.symlink(path, target)
  }

  // Shares the bytes of the first file: nobody writes to Data any more, and a copy would make a small archive unpack to
  // any size. It counts as a file of its own nevertheless, as it does when the Data are packed again.
  async #hardLink(path: string, name: string): Promise<void> {
    const target = entryPath(name, this.#options.maxDepth)
    await this.settle()
    const parent = dirname(target)
    const inner = parent === '.' || this.#directories.has(parent)
    const stats = inner ? await lstat(join(this.#root, target)).catch(() => undefined) : undefined
    if (!stats?.isFile()) refuse(path, `it is a hard link to ${quoted(name)}, not an earlier file`)
    this.#countBytes(path, stats.size)
    await link(join(this.#root, target), join(this.#root, path)).catch((error) =>
      onExisting(path, error),
    )
    this.#hardLinks = true
  }

  #countEntry(path: string): void {
    const { maxDataEntries: most } = this.#options
    if (++this.#entries > most) throw tooLarge(path, `more than ${most} entries`, 'maxDataEntries')
  }

  #countBytes(path: string, size: number): void {
    this.#bytes += size
    const { maxDataBytes: most } = this.#options
    if (this.#bytes > most) throw tooLarge(path, `more than ${most} bytes`, 'maxDataBytes')
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0]
  }
}

// Callbacks made promises cost half as much as the file handles of fs/promises: that counts with many small files.
const openFile = promisify(fs.open)
const write = promisify(fs.write)
const closeFile = promisify(fs.close)

async function create(location: string, path: string, mode: number): Promise<number> {
  return openFile(location, CREATE, mode).catch((error) => onExisting(path, error))
}

async function writeSmall(location: string, path: string, mode: number, content: Buffer) {
  const file = await create(location, path, mode)
  try {
    await writeWhole(file, content)
  } finally {
    await closeFile(file)
  }
}

async function writeLarge(
  location: string,
  path: string,
  mode: number,
  entry: TarEntry,
  tell: (bytes: number) => void,
) {
  let bytes = 0
  const file = await create(location, path, mode)
  const sha256 = createHash('sha256')
  try {
    for await (const piece of entry.pieces()) {
      const writing = writeWhole(file, piece)
      sha256.update(piece)
      await writing
      bytes += piece.length
      tell(bytes)
    }
  } finally {
    await closeFile(file)
  }
  return sha256.digest('hex')
}

async function writeWhole(file: number, content: Buffer): Promise<void> {
  for (let done = 0; done < content.length;) {
    const { bytesWritten } = await write(file, content, done, content.length - done, null)
    done += bytesWritten
  }
}

function onExisting(path: string, error: NodeJS.ErrnoException): never {
  if (error.code !== 'EEXIST') throw error
  refuse(path, 'there is an entry of that name already, or it would have to be written through one')
}

function tooLarge(path: string, what: string, cap: keyof ArchiveLimits): ArchiveError {
  const message = `The archive is refused at ${quoted(path)}: it holds ${what}, which is the limit (${cap}). Split it.`
  return new ArchiveError('too-large', message)
}
