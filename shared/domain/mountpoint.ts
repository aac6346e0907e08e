import { Invalid } from './invalid.ts'

const longestPath = 4096

/** Trims one trailing slash and checks that the path is absolute and clean. Throws `Invalid`. */
export function checkedPath(path: string): string {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path
  const problem = pathProblem(trimmed)
  if (problem) throw new Invalid('bad mountpoint path', `"${path}" ${problem}`)
  return trimmed
}

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

/** Refuses mount points of which one is, or lies below, another. */
export function checkOverlaps(paths: readonly string[]): void {
  const sorted = paths.map((path) => `${path}/`).sort()
  for (const [index, path] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next?.startsWith(path))
      throw new Invalid(
        'mountpoints are overlapped',
        `"${next.slice(0, -1)}" is the same as, or below, "${path.slice(0, -1)}"; give each its own directory`,
      )
  }
}
