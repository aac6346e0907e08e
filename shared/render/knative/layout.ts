import { rights, rightsShared } from '#shared/adapters/kubernetes-cluster/rights.ts'

/** The condition of manifests that are there only where all Data is in one claim. */
export const isShared = 'eq .Values.volumes.layout "shared"'

/** What calls ask of the API server, by the layout in which they do: its condition. */
export const rightsByLayout = [
  { when: 'ne .Values.volumes.layout "shared"', rights },
  { when: isShared, rights: rightsShared },
]
