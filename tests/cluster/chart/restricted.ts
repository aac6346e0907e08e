import type { V1Container, V1PodSpec, V1SecurityContext } from '@kubernetes/client-node'

const volumeKinds = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

/** What the restricted profile of Pod Security does not admit, by the field that is wrong. */
export function notRestricted(pod: V1PodSpec): string[] {
  const { securityContext: own = {}, volumes = [] } = pod
  const containers = [...(pod.initContainers ?? []), ...pod.containers]
  return [
    ...(['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => pod[field]),
    ...(own.runAsUser === 0 ? ['runAsUser'] : []),
    ...volumes
      .filter((volume) => !Object.keys(volume).some((kind) => volumeKinds.has(kind)))
      .map(({ name }) => `volumes.${name}`),
    ...containers.flatMap((container) =>
      faultsOf(container, own).map((field) => `${container.name}.${field}`),
    ),
  ]
}

function faultsOf({ securityContext: context = {}, ports = [] }: V1Container, pod: object) {
  const own = context as V1SecurityContext
  const effective: V1SecurityContext = { ...pod, ...own }
  const rules = {
    privileged: !own.privileged,
    allowPrivilegeEscalation: own.allowPrivilegeEscalation === false,
    runAsNonRoot: effective.runAsNonRoot === true,
    runAsUser: own.runAsUser !== 0,
    capabilities:
      own.capabilities?.drop?.includes('ALL') &&
      (own.capabilities.add ?? []).every((one) => one === 'NET_BIND_SERVICE'),
    seccompProfile: ['RuntimeDefault', 'Localhost'].includes(effective.seccompProfile?.type ?? ''),
    // More than the profile asks.
    readOnlyRootFilesystem: own.readOnlyRootFilesystem === true,
    hostPort: ports.every(({ hostPort }) => !hostPort),
  }
  return Object.entries(rules)
    .filter(([, kept]) => !kept)
    .map(([field]) => field)
}
