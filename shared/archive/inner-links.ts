import { readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { refuse } from './entry-name.ts'

// As many as Linux follows.
const MAX_HOPS = 40
const NO_LINK = new Set<unknown>(['EINVAL', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

/** What is at a place on a way: a directory, a link with its target, or something from which no way leads on. */
export type Step = 'directory' | 'end' | { target: string }

/** Where a way through a tree has led: to these names below its root, out of it, or round in a circle. */
export type WayEnd = { at: string[]; isWhole: boolean } | 'outside' | 'circle'

/**
 * Follows a path from a root, name by name and link by link, as it says what is at each place. It never asks about a place that is not
 * inside. `isWhole` is false where the way ends before the path does.
 */
export async function followInside(
  path: string,
  look: (at: readonly string[], isLast: boolean) => Promise<Step>,
): Promise<WayEnd> {
  const ahead = path.split('/').reverse()
  const at: string[] = []
  for (let hops = 0; ahead.length > 0;) {
    const segment = ahead.pop()
    if (segment === undefined || segment === '' || segment === '.') continue
    if (segment === '..') {
      if (at.pop() === undefined) return 'outside'
      continue
    }
    at.push(segment)
    const step = await look(at, ahead.length === 0)
    if (step === 'directory') continue
    if (step === 'end') return { at, isWhole: ahead.length === 0 }
    if (step.target.startsWith('/')) return 'outside'
    if (++hops > MAX_HOPS) return 'circle'
    at.pop()
    ahead.push(...step.target.split('/').reverse())
  }
  return { at, isWhole: true }
}

/**
 * Refuses a link that leaves the root once the links on its way are followed too. To be asked when the tree is complete,
 * since a link made later can turn an earlier one outward.
 */
export async function requireInside(
  root: string,
  path: string,
  directories: ReadonlySet<string>,
): Promise<void> {
  const end = await followInside(path, async (at) => {
    if (directories.has(at.join('/'))) return 'directory'
    const target = await linkTarget(join(root, ...at))
    // A file, or nothing: no way leads on from there.
    return target === undefined ? 'end' : { target }
  })
  if (end === 'outside') refuse(path, 'it is a link that leaves the archive by others')
  if (end === 'circle') refuse(path, 'it is a link that leads in a circle, or on too long a way')
}

async function linkTarget(location: string): Promise<string | undefined> {
  try {
    return await readlink(location)
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_LINK.has(error.code)) return undefined
    throw error
  }
}
