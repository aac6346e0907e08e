import { json } from 'node:stream/consumers'
import { NoSuchVolume, type Cluster, type Measure, type Transfers } from '#shared/ports/cluster.ts'
import { agentsIn, removeEndedAgents } from './agents.ts'
import type { Api } from './api.ts'
import { findClaim } from './find-claim.ts'
import { followLog } from './follow-log.ts'
import type { ClusterSettings } from './settings.ts'

/** How bytes get into claims and out: by Pods that have them mounted. */
export function transfersIn(
  api: Api,
  settings: ClusterSettings,
): Transfers & Pick<Cluster, 'measureVolume'> {
  const call = agentsIn(api, settings)
  const readLog = (volume: string) => required(volume, 'ro', '/log')
  // An agent may outlive its claim by moments.
  const required: typeof get = async (volume, ...rest) => {
    if (await findClaim(api, settings.namespace, volume)) return get(volume, ...rest)
    throw new NoSuchVolume(`there is no volume ${volume}`)
  }
  const get = (volume: string, mode: 'ro' | 'rw', path: string) => call(volume, mode, { path })
  return {
    async receive(volume, archive) {
      try {
        const path = '/content'
        const answer = await call(volume, 'rw', { method: 'PUT', path, body: archive })
        return (await json(answer)) as Measure
      } catch (error) {
        archive.destroy()
        throw error
      }
    },
    send: (volume) => required(volume, 'ro', '/content'),
    readLog,
    async measureVolume(volume) {
      try {
        return (await json(await required(volume, 'ro', '/measure'))) as Measure
      } catch (error) {
        if (error instanceof NoSuchVolume) return undefined
        throw error
      }
    },
    tidyTransfers: () => removeEndedAgents(api, settings.namespace),
    followLog: (worker, volume, signal) =>
      followLog(api, { namespace: settings.namespace, worker, volume, signal, readLog }),
  }
}
