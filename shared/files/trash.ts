import { randomUUID } from 'node:crypto'
import { chmodSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { chmod, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, isMissing } from './error-code.ts'

/** A folder for what is being made and for what is being removed, in the file system of both. */
export type WithTrash = { trash: string }

/** Removes a folder at once for everybody else, then what is in it; until that is done it is in the trash, under `name`. */
export async function discard(
  { trash }: WithTrash,
  folder: string,
  name: string = randomUUID(),
): Promise<void> {
  const doomed = join(trash, name)
  try {
    renameFolder(folder, doomed)
  } catch (error) {
    if (!isMissing(error)) throw error
  } finally {
    // It may have been moved although that is said to have failed.
    await removeTree(doomed)
  }
}

/** A folder nobody may write to cannot be moved either. */
function renameFolder(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error
    chmodSync(from, 0o700)
    renameSync(from, to)
  }
}

/** Removes what an earlier process did not get to remove; nothing that comes while it does so. Throws what kept one from being removed. */
export async function emptyTrash({ trash }: WithTrash): Promise<void> {
  const failures: unknown[] = []
  for (const name of readdirSync(trash))
    await removeTree(join(trash, name)).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

/** Makes a folder where nobody looks, and moves it to its place when all of it is there. What cannot be finished leaves nothing. */
export function makeWhole(
  { trash }: WithTrash,
  folder: string,
  make: (draft: string) => void,
): void {
  const draft = join(trash, randomUUID())
  try {
    make(draft)
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw error
  }
}

/**
 * Removes a folder with all that is in it. Programs may leave folders that not even their owner may change, and, as paths are shorter
 * where they run, folders that lie deeper than a path may reach.
 */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true })
  } catch {
    // Somebody else may be removing it as well.
    await makeRemovable(Buffer.from(folder)).catch((error: unknown) => {
      if (!isMissing(error)) throw error
    })
    await rm(folder, { recursive: true, force: true })
  }
}

// With the longest name and any usual place of a home it is half of what Linux takes.
const farDown = 1024

/** What lies far down is moved up to the `top`. Names are bytes: programs give them as they like. */
async function makeRemovable(found: Buffer, top = found): Promise<void> {
  await chmod(found, 0o700)
  const isFar = found.length - top.length > farDown
  const folder = isFar ? inside(top, Buffer.from(randomUUID())) : found
  if (isFar) await rename(found, folder)
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
    if (entry.isDirectory()) await makeRemovable(inside(folder, entry.name), top)
  }
}

const inside = (folder: Buffer, name: Buffer): Buffer =>
  Buffer.concat([folder, Buffer.from('/'), name])
