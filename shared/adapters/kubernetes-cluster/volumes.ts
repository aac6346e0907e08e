import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '#shared/ports/cluster.ts'
import { removeAgents } from './agents.ts'
import { ask, askForAll, askIfThere, unless, type Api } from './api.ts'
import { claimOf } from './claim.ts'
import { findClaim } from './find-claim.ts'
import { selectorOf } from './labels.ts'
import type { ClusterSettings } from './settings.ts'

type Volumes = Pick<Cluster, 'ensureVolume' | 'deleteVolume' | 'listVolumes'>

// Nobody mounts it any more, so its going takes moments.
const lookAgain = 50

/** Volumes as claims, one for each. */
export function volumesIn(api: Api, settings: ClusterSettings): Volumes {
  const { namespace } = settings
  return {
    async ensureVolume(volume) {
      const { name } = volume
      const body = claimOf(volume, settings.volumes)
      const what = `the volume ${name} cannot be made`
      const made = await unless(
        409,
        ask(what, api.core.createNamespacedPersistentVolumeClaim({ namespace, body })),
      )
      if (made || (await findClaim(api, namespace, name))) return
      throw new Error(`${what}: one of that name is just being deleted; try again when it is gone`)
    },
    async deleteVolume(name) {
      await removeAgents(api, namespace, name)
      const what = `the volume ${name} cannot be deleted`
      const claim = { namespace, name }
      await askIfThere(what, api.core.deleteNamespacedPersistentVolumeClaim(claim))
      while (await askIfThere(what, api.core.readNamespacedPersistentVolumeClaim(claim)))
        await pause(lookAgain)
    },
    async listVolumes() {
      const labelSelector = selectorOf('data')
      const claims = await askForAll('the volumes cannot be listed', (page) =>
        api.core.listNamespacedPersistentVolumeClaim({ namespace, labelSelector, ...page }),
      )
      return claims.flatMap(({ metadata }) => metadata?.name ?? [])
    },
  }
}
