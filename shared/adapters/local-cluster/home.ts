import { randomUUID } from 'node:crypto'
import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '#shared/files/make-folder.ts'
import { replaceFile } from '#shared/files/replace-file.ts'
import { programUser, type ProgramUser } from './program-user.ts'
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

const WORKER = /^[a-z0-9](?:[a-z0-9-]{0,251}[a-z0-9])?$/

export function isWorkerName(name: string): boolean {
  return WORKER.test(name)
}

export function workerFolder(home: Home, name: string): string {
  if (!isWorkerName(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a worker`)
  return join(home.workers, name)
}

/** Skeletons of plans that are gone would stay for ever; while nothing runs, nobody needs any. */
export function dropSkeletons(home: Home): void {
  if (readdirSync(home.workers).length > 0) return
  for (const name of readdirSync(home.skeletons)) {
    renameSync(join(home.skeletons, name), join(home.trash, randomUUID()))
  }
}
