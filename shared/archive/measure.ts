import { createHash, hash } from 'node:crypto'
import type { Measure } from '#shared/domain/worker.ts'
import { contentOf, walk } from './walk.ts'
import type { Found, FoundFile, Room, WalkOptions } from './walk.ts'

/** Size, number of files and digest of a directory tree: what `unpack` returned when it made the tree. */
export async function measure(dir: string, options: WalkOptions = {}): Promise<Measure> {
  const tree = new TreeMeasure()
  const room: Room = {}
  for await (const found of walk(dir, options))
    tree.add(found, found.kind === 'file' ? await contentHash(found, room) : undefined)
  const measured = tree.result()
  if (!measured) throw new Error(`walked ${dir} out of order`)
  return measured
}

async function contentHash(file: FoundFile, room: Room): Promise<string> {
  if (file.content) return hash('sha256', file.content)
  const content = createHash('sha256')
  for await (const piece of contentOf(file, { room })) content.update(piece)
  return content.digest('hex')
}

/**
 * Builds a Measure from the entries of a tree. The digest is the SHA-256 of one record per entry except the root, in
 * the order of paths where `/` counts lower than any other byte. A record is three fields, each ended by a NUL byte:
 *
 *     d      path   (nothing)
 *     l      path   target of the link
 *     f | x  path   size in bytes, a space, SHA-256 of the content in hex; x if the owner may execute it
 *
 * Nothing else counts: no times, owners, other permissions, hard links, nor how the tree was packed.
 */
export class TreeMeasure {
  #digest = createHash('sha256')
  #bytes = 0
  #files = 0
  #last = Buffer.alloc(0)
  #inOrder = true

  /** What a walk has found; of a file also the SHA-256 of its content. */
  add(found: Found, sha256 = ''): void {
    if (found.kind === 'directory') this.directory(found.path)
    else if (found.kind === 'symlink') this.symlink(found.path, found.target)
    else this.file(found.path, found.stats.mode, found.stats.size, sha256)
  }

  directory(path: string): void {
    this.#record('d', path, '')
  }

  symlink(path: string, target: string): void {
    this.#files++
    this.#record('l', path, target)
  }

  file(path: string, mode: number, size: number, sha256: string): void {
    this.#files++
    this.#bytes += size
    this.#record(mode & 0o100 ? 'x' : 'f', path, `${size} ${sha256}`)
  }

  /** Undefined when the entries did not come in order; keeping them all to sort them would cost memory without bound. */
  result(): Measure | undefined {
    if (!this.#inOrder) return undefined
    const digest = `sha256:${this.#digest.copy().digest('hex')}`
    return { bytes: this.#bytes, files: this.#files, digest }
  }

  #record(kind: string, path: string, detail: string): void {
    const place = Buffer.from(path.replaceAll('/', '\0'))
    if (Buffer.compare(this.#last, place) >= 0) this.#inOrder = false
    this.#last = place
    this.#digest.update(`${kind}\0${path}\0${detail}\0`)
  }
}
