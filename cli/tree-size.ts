import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

type Options = { dereference?: boolean; signal?: AbortSignal }

/** Bytes of all files of a tree, or of a file, as they would be packed. What cannot be looked at counts nothing: packing tells of it. */
export async function treeSize(root: string, options: Options = {}): Promise<number> {
  const stats = await stat(root).catch(() => undefined)
  return stats?.isDirectory() ? contentSize(root, options) : (stats?.size ?? 0)
}

async function contentSize(dir: string, { dereference, signal }: Options): Promise<number> {
  signal?.throwIfAborted()
  const look = dereference ? stat : lstat
  let bytes = 0
  for (const name of await readdir(dir).catch(() => [])) {
    const path = join(dir, name)
    const stats = await look(path).catch(() => undefined)
    if (stats?.isFile()) bytes += stats.size
    if (stats?.isDirectory()) bytes += await contentSize(path, { dereference, signal })
  }
  return bytes
}
