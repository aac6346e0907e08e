import { chmod, lstat, readdir } from 'node:fs/promises'

/**
 * Lets everybody read what is in a folder, whoever wrote it; whom it belongs to, and who may write to files, stays as it is. If it is
 * to be `removable`, everybody may also remove it.
 */
export async function openToAll(folder: string, { removable = false } = {}): Promise<void> {
  await open(Buffer.from(folder), removable)
}

const sticky = 0o1000

/** Names are bytes: programs give them as they like. */
async function open(path: Buffer, removable: boolean): Promise<void> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    // By such a path nobody gets there.
    if (error.code !== 'ENAMETOOLONG') throw error
  })
  if (!stats?.isDirectory() && !stats?.isFile()) return
  const isFolder = stats.isDirectory()
  const mode = stats.mode & 0o7777
  const readable = mode | 0o444 | (isFolder || mode & 0o100 ? 0o111 : 0)
  const wanted = isFolder && removable ? (readable | 0o222) & ~sticky : readable
  if (wanted !== mode) await chmod(path, wanted)
  if (!isFolder) return
  for (const name of await readdir(path, { encoding: 'buffer' }))
    await open(Buffer.concat([path, Buffer.from('/'), name]), removable)
}
