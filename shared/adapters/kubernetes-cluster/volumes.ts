import type { Cluster, Transfers } from '#shared/ports/cluster.ts'

/** Where Data are in a cluster: each layout has its own way to make volumes, and to get bytes into them and out. */
export type Volumes = Pick<
  Cluster,
  'ensureVolume' | 'deleteVolume' | 'adoptVolume' | 'listVolumes' | 'measureVolume'
> &
  Omit<Transfers, 'followLog'> & {
    /** Throws `NoSuchVolume`. */
    requireVolume(name: string): Promise<void>
    /** Throws `NoSuchVolume` for one that a Pod could not have mounted as it is. */
    requireMounts(names: readonly string[]): Promise<void>
  }
