import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { json } from 'node:stream/consumers'
import { answersAtAnyTime } from '#shared/render/knative/services.ts'
import { waitingFor, type Bench, type Samples } from './harness.ts'
import { make, type Installation } from './installation.ts'
import type { Seen, Task, Way } from './prober.ts'

/** A Knative Service beside ours that measures from within the cluster, and that is given every event of the brokers. */
export type Probe = {
  /** Where it is for others in the cluster. */
  url: string
  measure<K extends string>(task: Task & { ways: Record<K, Way> }): Promise<Samples<K>>
  /** The events that have arrived so far. */
  seen(): Promise<Seen[]>
}

const name = 'bench-prober'

export async function startProbe(bench: Bench, there: Installation): Promise<Probe> {
  await letItTalk(bench, there)
  await make(bench, there, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { 'prober.ts': readFileSync(new URL('prober.ts', import.meta.url), 'utf8') },
  })
  await make(bench, there, serviceOf(there.images.node))
  const triggers = ['knitfab', 'knitfab-workers'].map((broker) => ({
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name: `${name}-${broker}` },
    spec: {
      broker,
      subscriber: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name } },
    },
  }))
  for (const trigger of triggers) await make(bench, there, trigger)
  const made = triggers.map(({ metadata }) => `trigger/${metadata.name}`)
  for (const object of [`ksvc/${name}`, ...made])
    await there.kubectl('wait', '--for=condition=Ready', '--timeout=120s', object)
  const pod = await podOf(there, name)
  const call = <T>(method: string, path: string, body?: unknown): Promise<T> =>
    callPod<T>(there, pod.name, method, path, body)
  const probe: Probe = {
    url: `http://${name}.${there.namespace}.svc.cluster.local`,
    measure: (task) => call('POST', '/measure', task),
    seen: () => call('GET', '/seen'),
  }
  return probe
}

/** Where a network keeps to policies, ours would keep it from talking. */
async function letItTalk(bench: Bench, there: Installation): Promise<void> {
  const policy = (name: string, spec: object) =>
    make(bench, there, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name },
      spec: { policyTypes: ['Ingress', 'Egress'], ...spec },
    })
  const podSelector = { matchLabels: { 'serving.knative.dev/service': name } }
  await policy(name, { podSelector, ingress: [{}], egress: [{}] })
  await policy(`${name}-to-functions`, {
    podSelector: { matchLabels: { 'knitfab.dev/kind': 'function' } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector }] }],
  })
}

const serviceOf = (image: string) => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Service',
  metadata: { name, labels: { 'networking.knative.dev/visibility': 'cluster-local' } },
  spec: {
    template: {
      metadata: {
        annotations: {
          ...answersAtAnyTime,
          'autoscaling.knative.dev/min-scale': '1',
          'autoscaling.knative.dev/max-scale': '1',
        },
      },
      spec: {
        containers: [
          {
            image,
            command: ['/usr/local/bin/node'],
            args: ['/prober/prober.ts'],
            ports: [{ containerPort: 8080 }],
            volumeMounts: [{ name: 'prober', mountPath: '/prober', readOnly: true }],
          },
        ],
        volumes: [{ name: 'prober', configMap: { name } }],
      },
    },
  },
})

/** The Pod of a Knative Service that has one, and its address. */
export async function podOf(
  { kubernetes: { core }, namespace }: Installation,
  service: string,
): Promise<{ name: string; ip: string }> {
  const labelSelector = `serving.knative.dev/service=${service}`
  const pause = waitingFor(`${service} to have one Pod that is ready`)
  for (;;) {
    const { items } = await core.listNamespacedPod({ namespace, labelSelector })
    const ready = items.filter(
      ({ metadata, status }) =>
        !metadata?.deletionTimestamp &&
        status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
    const [pod] = ready
    if (pod && ready.length === 1)
      return { name: pod.metadata?.name ?? '', ip: pod.status?.podIP ?? '' }
    await pause(100, `${ready.length} of its ${items.length} Pods are`)
  }
}

/** Calls a Pod through the API server, which reaches it wherever this machine is. */
async function callPod<T>(
  { kubernetes: { server, credentials }, namespace }: Installation,
  pod: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const url = new URL(`/api/v1/namespaces/${namespace}/pods/${pod}:8080/proxy${path}`, server)
  const options = { ...(await credentials()), method }
  return new Promise((resolve, reject) => {
    request(url, options, (answer) => {
      json(answer).then((value) => {
        if (answer.statusCode === 200) resolve(value as T)
        else reject(new Error(`the prober: ${answer.statusCode} ${JSON.stringify(value)}`))
      }, reject)
    })
      .once('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body))
  })
}
