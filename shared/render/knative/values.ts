import * as z from 'zod'
import { sharedAgent } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import { Config } from '#shared/runtime/config.ts'
import type { Deployed } from './deployed.ts'

const text = z.string()
const count = z.int().min(0)
const quantity = z.union([
  z.string().regex(/^\d+(\.\d+)?(m|k|[KMGTPE]i|[MGTPE])?$/),
  z.number().min(0),
])
/** Of what has room: bytes, and more than none. */
const size = z.union([
  z.string().regex(/^(\d*[1-9]\d*(\.\d+)?|\d+\.\d*[1-9]\d*)(k|[KMGTPE]i|[MGTPE])?$/),
  z.number().min(1),
])
const anything = z.record(z.string(), z.unknown())
const duration = z.string().regex(/^PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?$/)

/** Of egress, as a NetworkPolicy has them. */
const rules = z.array(
  z.strictObject({ to: z.array(anything).min(1), ports: z.array(anything) }).partial(),
)

/** By their labels: Helm would add a map to that of the chart, and puts a list in its place. None at all would be all there are. */
const namespaces = z
  .array(
    z
      .strictObject({
        matchLabels: z.record(z.string(), z.string()),
        matchExpressions: z.array(anything),
      })
      .partial(),
  )
  .min(1)

const annotations = z.record(z.string(), z.string())

const scheduling = {
  nodeSelector: z.record(z.string(), z.string()),
  tolerations: z.array(anything),
  affinity: anything,
}

const resources = z
  .strictObject({
    requests: z.record(z.string(), quantity),
    limits: z.record(z.string(), quantity),
  })
  .partial()

const everywhere = {
  resources,
  ...scheduling,
  topologySpreadConstraints: z.array(anything),
  priorityClassName: text,
}

const ofService = z.strictObject({
  ...everywhere,
  minScale: count,
  maxScale: count,
  concurrency: count,
  timeout: count,
})
const ofDeployment = z.strictObject({ ...everywhere, replicas: count })

/** What the chart says itself of each function, or what means nothing in a cluster: its users do not say it. */
const settled = new Set(
  `release databaseUrl signingKey token functionUrl brokerUrl host port metricsPort tlsFolder namespace image volumeLayout volumeClass volumeMode
   volumeSize workerPriorityClass workerServiceAccounts workerPullSecrets workerProfile agentPod sweepInterval`.split(
    /\s+/,
  ),
)

const settings = () => {
  const open = Object.entries(Config.shape).filter(([name]) => !settled.has(name))
  return z.strictObject(Object.fromEntries(open)).partial()
}

/** The values of the chart: what Helm refuses is what this refuses. */
export const valuesOf = (functions: readonly Deployed[]) =>
  z.strictObject({
    image: z.strictObject({
      repository: text,
      tag: text,
      digest: z.union([z.literal(''), z.string().regex(/^sha256:[0-9a-f]{64}$/)]),
      pullPolicy: z.enum(['', 'Always', 'IfNotPresent', 'Never']),
      pullSecrets: z.array(z.strictObject({ name: text })),
    }),
    settings: settings(),
    defaults: z.strictObject(everywhere),
    functions: z
      .strictObject({
        ...Object.fromEntries(
          functions.map(({ service, deploy }) => [
            service,
            (deploy.as === 'deployment' ? ofDeployment : ofService).partial(),
          ]),
        ),
        // No function, but deployed like one.
        [sharedAgent]: z.strictObject(everywhere).partial(),
      })
      .partial(),
    jobs: z.strictObject({ resources, priorityClassName: text }),
    knative: z.strictObject({
      clusterDomain: text.min(1),
      zeroInitialScale: z.boolean(),
      window: z.union([z.literal(''), z.string().regex(/^\d+[smh]$/)]),
    }),
    broker: z.strictObject({
      name: text.min(1),
      workers: text.min(1),
      create: z.boolean(),
      class: text.min(1),
      config: anything,
      url: text,
      delivery: z.strictObject({
        retry: count,
        backoffPolicy: z.enum(['linear', 'exponential']),
        backoffDelay: duration,
        timeout: duration,
      }),
    }),
    clock: z.strictObject({ sweep: text.min(9), cleanUp: text.min(9) }),
    secrets: z.strictObject({ signingKey: text, token: text, database: text }),
    gateway: z.strictObject({
      service: z.strictObject({
        type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
        nodePort: z.int().min(0).max(65_535),
        externalIPs: z.array(text),
        annotations,
        loadBalancerClass: text,
        loadBalancerSourceRanges: z.array(text),
      }),
      tlsSecret: text,
      ingress: z.strictObject({
        enabled: z.boolean(),
        className: text,
        host: text,
        tlsSecret: text,
        annotations,
      }),
    }),
    postgres: z.strictObject({
      enabled: z.boolean(),
      image: text.min(1),
      user: count,
      size,
      storageClass: text,
      settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      resources,
      ...scheduling,
      priorityClassName: text,
    }),
    volumes: z.strictObject({
      layout: z.enum(['per-data', 'shared']),
      storageClass: text,
      accessMode: z.enum(['ReadWriteMany', 'ReadWriteOnce']),
      size,
      expander: z.strictObject({
        enabled: z.boolean(),
        interval: z.int().min(1),
        margin: size,
        delta: size,
        most: z.union([z.literal(''), size]),
      }),
    }),
    workers: z.strictObject({
      priorityClass: text,
      serviceAccounts: z.array(text),
      imagePullSecrets: z.array(text),
      profile: z.enum(['baseline', 'restricted']),
    }),
    monitoring: z.strictObject({
      enabled: z.boolean(),
      // Functions are not root.
      port: z.int().min(1024).max(65_535),
      from: namespaces,
      operator: z.boolean(),
      annotations: z.boolean(),
      labels: z.record(z.string(), z.string()),
      interval: z.string().regex(/^\d+(ms|s|m)$/),
      dashboard: z.boolean(),
    }),
    tracing: z.strictObject({
      endpoint: z.union([z.literal(''), z.string().regex(/^https?:\/\/\S+$/)]),
      headersSecret: text,
      share: z.number().min(0).max(1),
    }),
    networkPolicies: z.strictObject({
      enabled: z.boolean(),
      knative: namespaces,
      dns: rules,
      apiServer: rules,
      database: rules,
      functions: rules,
      traces: rules,
      programs: rules,
      brokers: rules,
    }),
    uninstall: z.strictObject({ deleteData: z.boolean() }),
    preflight: z.boolean(),
  })

/** The same as Helm reads it. */
export function valuesSchema(functions: readonly Deployed[]): string {
  const schema = z.toJSONSchema(valuesOf(functions), {
    target: 'draft-7',
    io: 'output',
    unrepresentable: 'any',
  })
  return `${JSON.stringify(schema, null, 2)}\n`
}
