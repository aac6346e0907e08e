import type { V1Container, V1Job, V1PodSpec, V1Volume } from '@kubernetes/client-node'
import type { WorkerSpec } from '#shared/ports/cluster.ts'
import { keeperVariables } from './keeper-variables.ts'
import { labelsFor } from './labels.ts'
import { mountsIn } from './mounts.ts'
import { placementOf } from './on-node.ts'
import { literal, ofVolumes, ownProgram, secretsFor, variablesOf } from './pod-parts.ts'
import { workerAccount } from './rights.ts'
import type { ClusterSettings } from './settings.ts'

/** The containers of a worker's Pod, by their names. */
export const containers = { main: 'main', check: 'check', log: 'log' } as const

/** Where the programs of ours beside a user's see the volumes, each by its name. */
export const volumesPath = '/volumes'
const placeOf = (volume: string): string => `${volumesPath}/${volume}`

const accountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A worker becomes a Job: suspended, with one Pod that is never tried again. */
export function jobOf(spec: WorkerSpec, settings: ClusterSettings): V1Job {
  const { name, labels: about, traceparent } = spec
  // The run is there twice, as tools made for the reference look for both.
  const labels = labelsFor('worker', name, {
    ...about,
    ...(about['run'] && { runid: about['run'] }),
  })
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      labels,
      ...(traceparent && { annotations: { 'knitfab.dev/traceparent': traceparent } }),
    },
    spec: {
      suspend: true,
      parallelism: 1,
      completions: 1,
      backoffLimit: 0,
      podReplacementPolicy: 'Failed',
      template: { metadata: { labels }, spec: podOf(spec, settings) },
    },
  }
}

function podOf(spec: WorkerSpec, settings: ClusterSettings): V1PodSpec {
  const { priorityClass, pullSecrets, podGrace } = settings.workers
  const written = writtenVolumes(spec)
  return {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    serviceAccountName: spec.serviceAccount ?? workerAccount,
    automountServiceAccountToken: spec.serviceAccount !== undefined,
    // Once for the program, where somebody else ends it, and once for what flushes and measures its outputs: a Pod knows no other grace.
    terminationGracePeriodSeconds: podGrace,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' }, ...ofVolumes },
    ...(priorityClass && { priorityClassName: priorityClass }),
    ...secretsFor(pullSecrets),
    ...placementOf(spec.onNode),
    ...(written.length > 0 && {
      initContainers: [logKeeper(spec, settings), emptinessCheck(spec, settings)],
    }),
    containers: [program(spec, settings)],
    volumes: mountsIn(settings)
      .claims(volumesOf(spec))
      .concat(written.length > 0 ? [token] : []),
  }
}

/** The volumes a worker needs, each once. */
export const volumesOf = (spec: WorkerSpec): string[] => [
  ...new Set([...spec.inputs.map(({ volume }) => volume), ...writtenVolumes(spec)]),
]

const writtenVolumes = ({ outputs, logVolume }: WorkerSpec): string[] => [
  ...outputs.map(({ volume }) => volume),
  ...(logVolume ? [logVolume] : []),
]

/** The user's program. It runs as its image says, where that is allowed. */
function program(spec: WorkerSpec, settings: ClusterSettings): V1Container {
  const { mount } = mountsIn(settings)
  const { image, entrypoint, args, inputs, outputs } = spec
  const limits = Object.fromEntries(
    Object.entries(spec.limits).map(([name, amount]) => [name, quantityOf(amount)]),
  )
  return {
    name: containers.main,
    image,
    ...(entrypoint.length > 0 && { command: entrypoint.map(literal) }),
    ...(args.length > 0 && { args: args.map(literal) }),
    ...variablesOf(spec.env),
    ...(Object.keys(limits).length > 0 && { resources: { limits } }),
    // Of a program that is for another kind of machine, only its log says so.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      ...(settings.workers.profile === 'restricted' && { runAsNonRoot: true }),
    },
    volumeMounts: [
      ...inputs.map(({ volume, path }) => mount(volume, path, { readOnly: true })),
      ...outputs.map(({ volume, path }) => mount(volume, path)),
    ],
  }
}

/** Exact to a nano, as Kubernetes is. */
export const quantityOf = (amount: number): string =>
  Number.isInteger(amount) ? String(BigInt(amount)) : amount.toFixed(9).replace(/\.?0+$/, '')

/**
 * Does not let a program begin that would mix what it writes with what is there. Outputs are not where a plan has them: there may be
 * something of ours, as `/app`.
 */
function emptinessCheck(spec: WorkerSpec, settings: ClusterSettings): V1Container {
  const written = [
    ...spec.outputs,
    ...(spec.logVolume ? [{ volume: spec.logVolume, path: 'its log' }] : []),
  ]
  const folders = written.flatMap(({ volume, path }) => [literal(path), placeOf(volume)])
  return {
    name: containers.check,
    ...ownProgram(settings.image, 'check-empty', ...folders),
    volumeMounts: written.map(({ volume }) =>
      mountsIn(settings).mount(volume, placeOf(volume), { readOnly: true }),
    ),
  }
}

/**
 * Keeps the log, and when the program has ended flushes and measures what was written. Beside the program rather than after it:
 * whatever becomes of it, the Pod succeeds when the program does. It is root where that is allowed, for programs are who their images
 * say and leave files that only they may read.
 */
function logKeeper(spec: WorkerSpec, settings: ClusterSettings): V1Container {
  const { mount } = mountsIn(settings)
  const outputs = spec.outputs.map(({ volume }) => volume)
  const own = ownProgram(settings.image, 'keep-log', spec.logVolume ?? '', ...outputs)
  return {
    name: containers.log,
    ...own,
    restartPolicy: 'Always',
    ...(settings.workers.profile === 'baseline' && {
      securityContext: {
        ...own.securityContext,
        runAsNonRoot: false,
        runAsUser: 0,
        runAsGroup: 0,
        capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', 'FOWNER'] },
      },
    }),
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      // A claim is deleted with all that is in it; a directory by the agent, which has no rights but its own.
      ...(settings.volumes.layout === 'shared'
        ? [{ name: keeperVariables.removable, value: 'yes' }]
        : []),
    ],
    volumeMounts: [
      ...writtenVolumes(spec).map((volume) => mount(volume, placeOf(volume))),
      { name: token.name, mountPath: accountPath, readOnly: true },
    ],
  }
}

/** Who the keeper of the log is for the API server. No other container sees it. */
const token: V1Volume = {
  name: 'token',
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
}
