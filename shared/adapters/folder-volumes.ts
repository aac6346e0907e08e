import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { flushFolder } from '#shared/archive/flush.ts'
import { keep, lenient } from '#shared/archive/keep.ts'
import { listFiles } from '#shared/archive/list-files.ts'
import { openFile } from '#shared/archive/open-file.ts'
import { openToAll } from '#shared/archive/open-to-all.ts'
import { pack } from '#shared/archive/pack.ts'
import { Receptions } from '#shared/archive/reception.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { contentOf, walk } from '#shared/archive/walk.ts'
import { whole } from '#shared/domain/archive-part.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { isForbidden, isMissing } from '#shared/files/error-code.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import { discard, makeWhole, removeTree, type WithTrash } from '#shared/files/trash.ts'
import { NoSuchVolume, type Cluster, type Transfers } from '#shared/ports/cluster.ts'

/** Where the folders of volumes are. */
export type VolumeFolders = WithTrash & { volumes: string }

/** Volumes that are folders, and how bytes get into them and out. */
export type FolderVolumes = Pick<
  Cluster,
  'ensureVolume' | 'deleteVolume' | 'adoptVolume' | 'listVolumes' | 'measureVolume'
> &
  Omit<Transfers, 'followLog' | 'tidyTransfers'> & {
    /** Throws `NoSuchVolume`. */
    requireVolume(name: string): Promise<void>
    /** Whether the rest of an archive may still follow. */
    areAwaited(): boolean
  }

export type Handling = {
  /** What is done to the folder of a new volume before anybody sees it. */
  onMade?(folder: string): void
  /** What is done to what was received before it counts as kept. */
  onReceived?(folder: string, measured: Measure): Promise<void>
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const VOLUME = new RegExp(`^data-knitid-${UUID}$`)

/** Names become parts of paths, so whoever makes a path checks them, whatever was checked before. */
export function volumeFolder({ volumes }: Pick<VolumeFolders, 'volumes'>, name: string): string {
  if (!VOLUME.test(name)) throw new Error(`${JSON.stringify(name)} cannot be the name of a volume`)
  return join(volumes, name)
}

export function folderVolumes(
  folders: VolumeFolders,
  { onMade, onReceived }: Handling = {},
): FolderVolumes {
  const existing = async (name: string) => {
    const folder = volumeFolder(folders, name)
    if (!(await isThere(folder))) throw new NoSuchVolume(`there is no volume ${name}`)
    return folder
  }
  const removals = new Map<string, Promise<void>>()
  const receptions = new Receptions()
  return {
    async ensureVolume({ name }) {
      makeVolume(folders, name, onMade)
    },
    deleteVolume: (name) =>
      together(removals, name, async () => {
        await receptions.drop(name)
        await removeVolume(folders, name)
      }),
    adoptVolume: async (name) =>
      (await isThere(volumeFolder(folders, name))) ? 'ready' : 'absent',
    listVolumes: async () => pagesOf(folders.volumes),
    async requireVolume(name) {
      await existing(name)
    },
    async measureVolume(name) {
      const folder = volumeFolder(folders, name)
      if (!(await isThere(folder))) return undefined
      const measured = await keepAsLeft(folder)
      await flushFolder(folders.volumes)
      return measured
    },
    async receive(volume, archive, part = whole, limits = {}) {
      const folder = await existing(volume)
      return receptions.take(volume, archive, part, async (stream) => {
        const measured = await unpack(stream, folder, limits)
        await onReceived?.(folder, measured)
        await flushFolder(folders.volumes)
        return measured
      })
    },
    areAwaited: () => receptions.areAwaited,
    async send(volume, coding) {
      let digest: string | undefined
      const onMeasured = (measured: Measure) => (digest = measured.digest)
      const archive = pack(await existing(volume), { ...lenient, coding, onMeasured })
      return Object.assign(archive, { digest: () => digest })
    },
    async listFiles(volume, asked) {
      return listFiles(await existing(volume), asked)
    },
    async readFile(volume, path, range) {
      return openFile(await existing(volume), path, range)
    },
    async readLog(volume) {
      return Readable.from(contents(await existing(volume)), { objectMode: false })
    },
  }
}

const pageSize = 1000

/** The names in a folder. */
async function* pagesOf(folder: string): AsyncGenerator<string[]> {
  let page: string[] = []
  for await (const { name } of await opendir(folder, { bufferSize: pageSize })) {
    page.push(name)
    if (page.length < pageSize) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** Programs of any user may write here; who may come near it at all, the folder above decides. */
function makeVolume(folders: VolumeFolders, name: string, onMade: Handling['onMade']): void {
  const folder = volumeFolder(folders, name)
  if (existsSync(folder)) return
  makeWhole(folders, folder, (draft) => {
    mkdirSync(draft)
    chmodSync(draft, 0o777)
    onMade?.(draft)
  })
}

/** A program may let nobody read what it leaves; as far as that is ours we let ourselves. */
async function keepAsLeft(folder: string): Promise<Measure> {
  try {
    return await keep(folder)
  } catch (error) {
    if (!isForbidden(error)) throw error
  }
  try {
    await openToAll(folder)
    return await keep(folder)
  } catch (error) {
    if (!isForbidden(error)) throw error
    throw new ArchiveError('bad-entry', `${plainMessage(error)}. ${whose}.`, { cause: error })
  }
}

/** Why something that a program has left is not ours: what opens it, or gives it to us, comes after the program. */
export const whose =
  'It belongs to whom the program ran as, and the worker was ended before it could be opened to others'

/** By its own name, so that what could not be removed is met again by who tries again. */
async function removeVolume(folders: VolumeFolders, name: string): Promise<void> {
  const folder = volumeFolder(folders, name)
  await removeTree(join(folders.trash, name))
  await discard(folders, folder, name)
}

/** One piece of work for all who ask for it while it is done. */
function together<T>(
  inProgress: Map<string, Promise<T>>,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const working =
    inProgress.get(name) ??
    work().finally(() => {
      inProgress.delete(name)
    })
  inProgress.set(name, working)
  return working
}

/** All that is in a log by now: its program may be printing on. */
async function* contents(folder: string) {
  const options = { ...lenient, growing: true }
  for await (const found of walk(folder, options)) {
    if (found.kind === 'file') yield* contentOf(found, options)
  }
}

/** A link is none: who puts one there would have us keep, and give away, whatever it leads to. Nor is a file. */
async function isThere(folder: string): Promise<boolean> {
  try {
    return (await lstat(folder)).isDirectory()
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}
