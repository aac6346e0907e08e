import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { folderVolumes, type FolderVolumes } from '#shared/adapters/folder-volumes.ts'
import { flush } from '#shared/archive/flush.ts'
import type { Home } from './home.ts'
import { handOver, handOverTree } from './program-user.ts'

/** Volumes as folders of a home, which belong to whom its programs run as. */
export function volumesIn(home: Home): FolderVolumes {
  const { user } = home
  const volumes = folderVolumes(home, {
    onMade: (folder) => handOver(folder, user),
    async onReceived(folder, { files }) {
      if (!user.apart) return
      await handOverTree(folder, user)
      await flush(folder, files)
    },
  })
  return {
    ...volumes,
    async deleteVolume(name) {
      await volumes.deleteVolume(name)
      rmSync(join(home.readable, name), { force: true })
    },
  }
}
