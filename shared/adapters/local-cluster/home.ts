import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '#shared/files/make-folder.ts'
import { replaceFile } from '#shared/files/replace-file.ts'
import { handOver, programUser, type ProgramUser } from './program-user.ts'
import { CONTAIN, ENTER, SUPERVISE } from './scripts.ts'

/** The folders below the state folder; everything the local cluster knows is in them. */
export type Home = {
  folder: string
  volumes: string
  /** One folder per worker. */
  workers: string
  /** One small file per worker that has ended. Apart, so that one watch tells of all ends. */
  ended: string
  images: string
  /** Trees to mount file systems on, shared by workers. */
  skeletons: string
  /** What is being removed; moved here first, so that it is gone at once. */
  trash: string
  /** An empty file for each volume that every user of an image may read. */
  readable: string
  supervise: string
  enter: string
  contain: string
  /** Whom programs run as, and whose the volumes are. */
  user: ProgramUser
}

/** The home in a folder, whether there is one or not: makes nothing. */
export function homeIn(folder: string): Home {
  return {
    folder,
    volumes: join(folder, 'volumes'),
    workers: join(folder, 'workers'),
    ended: join(folder, 'ended'),
    images: join(folder, 'images'),
    skeletons: join(folder, 'skeletons'),
    trash: join(folder, 'trash'),
    readable: join(folder, 'readable'),
    supervise: join(folder, 'supervise.sh'),
    enter: join(folder, 'enter.sh'),
    contain: join(folder, 'contain.sh'),
    user: programUser(),
  }
}

/** Makes what a home needs, unless it is there. */
export function openHome(folder: string): Home {
  const home = homeIn(folder)
  for (const part of ['volumes', 'workers', 'ended', 'images', 'skeletons', 'readable', 'trash']) {
    makeFolder(join(folder, part), 0o700)
  }
  replaceFile(home.supervise, SUPERVISE)
  replaceFile(home.enter, ENTER)
  replaceFile(home.contain, CONTAIN)
  return home
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const VOLUME = new RegExp(`^data-knitid-${UUID}$`)
const WORKER = /^[a-z0-9](?:[a-z0-9-]{0,251}[a-z0-9])?$/

/** Names become parts of paths, so whoever makes a path checks them, whatever was checked before. */
export function volumeFolder(home: Home, name: string): string {
  if (!VOLUME.test(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a volume`)
  return join(home.volumes, name)
}

export function isWorkerName(name: string): boolean {
  return WORKER.test(name)
}

export function workerFolder(home: Home, name: string): string {
  if (!isWorkerName(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a worker`)
  return join(home.workers, name)
}

/** Removes a folder at once for everybody else, then what is in it. */
export async function discard(home: Home, folder: string): Promise<void> {
  const doomed = join(home.trash, randomUUID())
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

/** Skeletons of plans that are gone would stay for ever; while nothing runs, nobody needs any. */
export function dropSkeletons(home: Home): void {
  if (readdirSync(home.workers).length > 0) return
  for (const name of readdirSync(home.skeletons)) {
    renameSync(join(home.skeletons, name), join(home.trash, randomUUID()))
  }
}

/** Removes what an earlier process did not get to remove; nothing that comes while it does so. */
export async function emptyTrash(home: Home): Promise<void> {
  for (const name of readdirSync(home.trash)) await removeTree(join(home.trash, name))
}

/** Programs may leave folders that not even their owner may change. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true })
  } catch {
    await makeRemovable(folder)
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeRemovable(folder: string): Promise<void> {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeRemovable(join(folder, entry.name))
  }
}

/** Programs of any user may write here; who may come near it at all, the folder above decides. */
export function makeVolume(home: Home, name: string): void {
  const folder = volumeFolder(home, name)
  if (existsSync(folder)) return
  makeWhole(home, folder, (draft) => {
    mkdirSync(draft)
    chmodSync(draft, 0o777)
    handOver(draft, home.user)
  })
}

/** Makes a folder where nobody looks, and moves it to its place when all of it is there. What cannot be finished leaves nothing. */
export function makeWhole(home: Home, folder: string, make: (draft: string) => void): void {
  const draft = join(home.trash, randomUUID())
  try {
    make(draft)
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw error
  }
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}
