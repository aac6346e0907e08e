import type { Cluster } from '#shared/ports/cluster.ts'

/** As much of everything as is asked for. */
class NoLimits extends Map<string, number> {
  override get(): number {
    return Infinity
  }
}

/** What has room is the scheduler's to say, which knows the nodes, and those that are still to come. */
export const roomForAll: Pick<Cluster, 'capacity'> = { capacity: async () => new NoLimits() }
