import type { V1PersistentVolumeClaim } from '@kubernetes/client-node'
import type { VolumeSpec } from '#shared/ports/cluster.ts'
import { labelsFor } from './labels.ts'
import type { ClaimSettings } from './settings.ts'

/** A volume becomes a claim. */
export function claimOf(
  { name, labels }: VolumeSpec,
  { storageClass, accessMode, size }: ClaimSettings,
): V1PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, labels: labelsFor('data', name, labels) },
    spec: {
      accessModes: [accessMode],
      ...(storageClass && { storageClassName: storageClass }),
      resources: { requests: { storage: size } },
    },
  }
}
