import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { volumesFolder } from './agent-variables.ts'
import { volumeFor } from './pod-parts.ts'
import type { ClusterSettings } from './settings.ts'

/** The claim of all Data, in the layout that has one, and the service of its agent. */
export const sharedClaim = 'knitfab-data'
export const sharedAgent = 'agent'

/** How a Pod has volumes: what of the cluster it asks for, and what of that a container sees. */
export type Mounts = {
  claims(volumes: readonly string[]): V1Volume[]
  mount(volume: string, mountPath: string, options?: { readOnly: true }): V1VolumeMount
}

/** By layout: a claim each, or directories of one. */
export const mountsIn = ({ volumes: { layout } }: ClusterSettings): Mounts =>
  layout === 'shared'
    ? {
        claims: (volumes) => (volumes.length > 0 ? [volumeFor(sharedClaim)] : []),
        mount: (volume, mountPath, options) => ({
          name: sharedClaim,
          subPath: `${volumesFolder}/${volume}`,
          mountPath,
          ...options,
        }),
      }
    : {
        claims: (volumes) => volumes.map(volumeFor),
        mount: (volume, mountPath, options) => ({ name: volume, mountPath, ...options }),
      }
