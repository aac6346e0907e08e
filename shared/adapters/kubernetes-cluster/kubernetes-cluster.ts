import type { Cluster, Transfers } from '#shared/ports/cluster.ts'
import { connectApi, type Api } from './api.ts'
import type { ClusterSettings } from './settings.ts'
import { transfersIn } from './transfers.ts'
import { roomForAll } from './room-for-all.ts'
import { volumesIn } from './volumes.ts'
import { workersIn } from './workers.ts'

/** Keeps Data in claims and executes Runs as Jobs, in one namespace of Kubernetes. */
export const kubernetesCluster = (
  settings: ClusterSettings,
  api: Api = connectApi(),
): Cluster & Transfers => ({
  ...volumesIn(api, settings),
  ...workersIn(api, settings),
  ...transfersIn(api, settings),
  ...roomForAll,
})
