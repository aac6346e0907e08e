import { readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { refuse } from './entry-name.ts'

// As many as Linux follows.
const MAX_HOPS = 40
const NO_LINK = new Set<unknown>(['EINVAL', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

/**
 * Refuses a link that leaves the root once the links on its way are followed too. To be asked when the tree is complete,
 * since a link made later can turn an earlier one outward.
 */
export async function requireInside(
  root: string,
  path: string,
  directories: ReadonlySet<string>,
): Promise<void> {
  const ahead = path.split('/').reverse()
  const at: string[] = []
  for (let hops = 0; ahead.length > 0;) {
    const segment = ahead.pop()
    if (segment === undefined || segment === '' || segment === '.') continue
    if (segment === '..') {
      if (at.pop() === undefined) refuse(path, 'it is a link that leaves the archive by others')
      continue
    }
    at.push(segment)
    if (directories.has(at.join('/'))) continue
    const target = await linkTarget(join(root, ...at))
    // A file, or nothing: no way leads on from there.
    if (target === undefined) return
    if (++hops > MAX_HOPS) refuse(path, 'it is a link that leads in a circle, or on too long a way')
    at.pop()
    ahead.push(...target.split('/').reverse())
  }
}

async function linkTarget(location: string): Promise<string | undefined> {
  try {
    return await readlink(location)
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_LINK.has(error.code)) return undefined
    throw error
  }
}
