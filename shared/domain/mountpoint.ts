import { Invalid } from './invalid.ts'
import { compareBytes } from './tag.ts'

const longestPath = 4096

/** Trims one trailing slash and checks that the path is absolute and clean. Throws `Invalid`. */
export function checkedPath(path: string): string {
  const clean = trimmed(path)
  const problem = pathProblem(clean)
  if (problem) throw new Invalid('bad mountpoint path', `"${path}" ${problem}`)
  return clean
}

const trimmed = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path)

function pathProblem(path: string): string | undefined {
  if (path === '') return 'is no place below the root; choose an absolute path such as /in/data'
  if (!path.startsWith('/')) return 'is not absolute; it begins with /'
  if (path.includes('\0') || !path.isWellFormed()) return 'is not text that a file name can hold'
  if (path.length > longestPath) return `is longer than ${longestPath} characters`
  const parts = path.slice(1).split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'is not clean; it must not have empty parts, "." or ".."'
  if (parts.some((part) => Buffer.byteLength(part) > 255))
    return 'has a part of more than 255 bytes'
  return undefined
}

/** Refuses a mount point that is, lies below, or contains another one. */
export function checkOverlap(path: string, others: readonly string[]): void {
  for (const other of others) {
    const [upper = '', lower = ''] = [`${trimmed(path)}/`, `${trimmed(other)}/`].toSorted(
      (a, b) => a.length - b.length,
    )
    if (lower.startsWith(upper))
      throw new Invalid(
        'mountpoints are overlapped',
        `"${lower.slice(0, -1)}" is the same as, or below, "${upper.slice(0, -1) || '/'}"; give each its own directory`,
      )
  }
}

/** Maps mount points in the order of their paths, in which their faults are told; the result is in the order that was given. */
export function inPathOrder<M extends { path: string }, R>(
  mounts: readonly M[],
  make: (mount: M) => R,
): R[] {
  const sorted = [...mounts.entries()].toSorted(([, a], [, b]) => compareBytes(a.path, b.path))
  const made = new Map(sorted.map(([index, mount]) => [index, make(mount)]))
  return mounts.map((_, index) => made.get(index) as R)
}
