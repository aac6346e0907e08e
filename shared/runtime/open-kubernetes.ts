import { sharedAgent } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import { withNames } from '#shared/adapters/kubernetes-cluster/remedies.ts'
import { roomForAll } from '#shared/adapters/kubernetes-cluster/room-for-all.ts'
import type { Cluster, Transfers } from '#shared/ports/cluster.ts'
import { BadSettings, type Config } from './config.ts'

/** The Kubernetes of the settings. Its client is large, and is loaded with the first call. */
export function openKubernetes(config: Config): Cluster & Transfers {
  const settings = settingsOf(config)
  let loading: Promise<Cluster & Transfers> | undefined
  const load = async () => {
    const { kubernetesCluster } =
      await import('#shared/adapters/kubernetes-cluster/kubernetes-cluster.ts')
    return kubernetesCluster(settings)
  }
  const loaded = () => {
    loading ??= load()
    // What could not be loaded, for want of a token say, may be there the next time.
    loading.catch(() => (loading = undefined))
    return loading
  }
  return new Proxy(roomForAll as Cluster & Transfers, {
    get: (target, name: keyof Cluster & keyof Transfers) =>
      name in target
        ? target[name]
        : async (...args: unknown[]) => {
            const cluster = await loaded()
            const call = cluster[name] as (...args: unknown[]) => unknown
            try {
              return await call(...args)
            } catch (error) {
              throw namedBy(config, error)
            }
          },
  })
}

function namedBy({ release, namespace = '' }: Config, error: unknown): unknown {
  if (error instanceof Error) error.message = withNames(error.message, { release, namespace })
  return error
}

/** What the adapter has to know, from the settings. Throws `BadSettings`. */
export function settingsOf(config: Config): ClusterSettings {
  const { namespace = '', image, signingKey } = config
  if (!image)
    throw new BadSettings('KNIT_IMAGE is not set: say which image our programs in Pods have.')
  return {
    namespace,
    image,
    signingKey,
    volumes:
      config.volumeLayout === 'shared'
        ? { layout: 'shared', agentUrl: config.functionUrl.replace('{function}', sharedAgent) }
        : {
            layout: 'per-data',
            storageClass: config.volumeClass,
            accessMode: config.volumeMode,
            size: config.volumeSize,
          },
    workers: {
      priorityClass: config.workerPriorityClass,
      serviceAccounts: config.workerServiceAccounts,
      pullSecrets: config.workerPullSecrets,
      grace: config.workerGrace,
      podGrace: config.podGrace,
      profile: config.workerProfile,
    },
    agents: config.agentPod,
  }
}
