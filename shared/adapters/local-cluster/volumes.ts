import { rmSync } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { flush } from '#shared/archive/flush.ts'
import { measure } from '#shared/archive/measure.ts'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { contentOf, walk } from '#shared/archive/walk.ts'
import { NoSuchVolume, type Cluster, type Transfers } from '#shared/ports/cluster.ts'
import { discard, isMissing, makeVolume, volumeFolder, type Home } from './home.ts'
import { handOverTree } from './program-user.ts'

type Volumes = Pick<Cluster, 'ensureVolume' | 'deleteVolume' | 'listVolumes' | 'measureVolume'> &
  Omit<Transfers, 'followLog' | 'tidyTransfers'>

// Programs leave such things behind; they are no part of what is kept.
const lenient = { skipSpecial: true }

/** Volumes as folders, and how bytes get into them and out. */
export function volumesIn(home: Home): Volumes {
  const existing = async (name: string) => {
    const folder = volumeFolder(home, name)
    if (!(await isThere(folder))) throw new NoSuchVolume(`there is no volume ${name}`)
    return folder
  }
  return {
    async ensureVolume({ name }) {
      makeVolume(home, name)
    },
    async deleteVolume(name) {
      await discard(home, volumeFolder(home, name))
      rmSync(join(home.readable, name), { force: true })
    },
    listVolumes: () => readdir(home.volumes),
    async measureVolume(name) {
      const folder = volumeFolder(home, name)
      return (await isThere(folder)) ? measure(folder, lenient) : undefined
    },
    async receive(volume, archive) {
      const folder = await existing(volume)
      const measured = await unpack(archive, folder)
      if (home.user.apart) {
        await handOverTree(folder, home.user)
        await flush(folder, measured.files)
      }
      return measured
    },
    async send(volume) {
      return pack(await existing(volume), lenient)
    },
    async readLog(volume) {
      return Readable.from(contents(await existing(volume)), { objectMode: false })
    },
  }
}

async function* contents(folder: string) {
  for await (const found of walk(folder, lenient)) {
    if (found.kind === 'file') yield* contentOf(found)
  }
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await access(folder)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}
