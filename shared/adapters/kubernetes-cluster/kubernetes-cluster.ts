import type { Cluster, Transfers } from '#shared/ports/cluster.ts'
import { connectApi, type Api } from './api.ts'
import { claimsIn } from './claims.ts'
import { directoriesIn } from './directories.ts'
import { followLog } from './follow-log.ts'
import { volumesOf } from './job.ts'
import type { ClusterSettings } from './settings.ts'
import { roomForAll } from './room-for-all.ts'
import type { Volumes } from './volumes.ts'
import { workersIn } from './workers.ts'

/** Keeps Data in claims and executes Runs as Jobs, in one namespace of Kubernetes. */
export function kubernetesCluster(
  settings: ClusterSettings,
  api: Api = connectApi(),
): Cluster & Transfers {
  const volumes = volumesIn(api, settings)
  const workers = workersIn(api, settings)
  const { namespace } = settings
  return {
    ...volumes,
    ...workers,
    async ensureWorker(spec) {
      await volumes.requireMounts(volumesOf(spec))
      return workers.ensureWorker(spec)
    },
    followLog: (worker, volume, signal) =>
      followLog(api, { namespace, worker, volume, signal, volumes }),
    ...roomForAll,
  }
}

function volumesIn(api: Api, settings: ClusterSettings): Volumes {
  const { volumes } = settings
  return volumes.layout === 'shared'
    ? directoriesIn(settings, volumes)
    : claimsIn(api, settings, volumes)
}
