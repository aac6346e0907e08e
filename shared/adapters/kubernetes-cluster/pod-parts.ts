import type { V1Container, V1SecurityContext, V1Volume } from '@kubernetes/client-node'

const us = 65532

/** Who may write to a volume whose root only some may: claims are given to this group where their class allows that. */
export const ofVolumes = { fsGroup: us, fsGroupChangePolicy: 'OnRootMismatch' } as const

/** Of a Pod that holds programs of ours and nobody else's: the restricted profile. */
export const restrictedPod = {
  enableServiceLinks: false,
  automountServiceAccountToken: false,
  restartPolicy: 'Never',
  securityContext: {
    runAsNonRoot: true,
    runAsUser: us,
    runAsGroup: us,
    ...ofVolumes,
    seccompProfile: { type: 'RuntimeDefault' },
  },
}

/** Of a container of ours. */
export const restricted: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: us,
  runAsGroup: us,
  capabilities: { drop: ['ALL'] },
}

/** A program of our image. */
export const ownProgram = (image: string, program: string, ...args: string[]) => ({
  image,
  args: [`job-${program}`, ...args],
  resources: {
    requests: { cpu: '10m', memory: '64Mi' },
    limits: { memory: '512Mi' },
  },
  securityContext: restricted,
})

/** A claim as a volume of a Pod, by its own name. */
export const volumeFor = (claimName: string): V1Volume => ({
  name: claimName,
  persistentVolumeClaim: { claimName },
})

/** Kubernetes takes `$(…)` for a variable of its own. */
export const literal = (text: string): string => text.replaceAll('$', '$$$$')

export const secretsFor = (names: readonly string[]) =>
  names.length > 0 ? { imagePullSecrets: names.map((name) => ({ name })) } : {}

export const variablesOf = (env: Record<string, string>): Pick<V1Container, 'env'> =>
  Object.keys(env).length > 0
    ? { env: Object.entries(env).map(([name, value]) => ({ name, value: literal(value) })) }
    : {}
