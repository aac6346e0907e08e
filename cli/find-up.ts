import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The nearest regular file of this name in `dir` or above it; directories of the name are passed over. */
export function findUp(name: string, dir: string): string | undefined {
  const path = join(dir, name)
  if (isFile(path)) return path
  const parent = dirname(dir)
  return parent === dir ? undefined : findUp(name, parent)
}

export const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
