import type { ClusterCall } from '#shared/ports/cluster.ts'
import { sharedAgent } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import { isDeployment, type Deployed } from './deployed.ts'
import { filledBlock, filledKeys, type Manifest } from './helm.ts'
import { isShared } from './layout.ts'

type Selector = { matchLabels?: Record<string, string>; matchExpressions?: unknown[] }

/** Pods of the namespace, by the name of their policy; `when` is the condition under which there are any. */
type Pods = { name: string; podSelector: Selector; when?: string }
/** Who is outside of it, as the peers of a rule: everybody, unless given. */
type Outside = { peers?: unknown }

/** A connection that may be opened, at these ports of who is called or at any. */
type Line = { from: Pods | Outside; to: Pods | Outside; ports?: readonly number[] }
/** What Pods may open besides, as the admin says: rules for egress, by their name in the values. */
type Allowance = { pods: Pods; value: string }

const component = 'app.kubernetes.io/component'
const ours = { 'app.kubernetes.io/part-of': 'knit' }

const pods = (name: string, podSelector: Selector): Pods => ({ name, podSelector })
const one = (name: string): Pods => pods(name, { matchLabels: { ...ours, [component]: name } })
const some = (name: string, functions: readonly Deployed[]): Pods =>
  pods(name, {
    matchLabels: ours,
    matchExpressions: [
      { key: component, operator: 'In', values: functions.map(({ service }) => service) },
    ],
  })

/** What we make while we work, by what it is. */
const made = (name: string, kind: string): Pods =>
  pods(name, {
    matchLabels: { 'app.kubernetes.io/name': kind, 'app.kubernetes.io/managed-by': 'knit' },
  })

const everything = pods('everything', {})
const functionPods = pods('functions', { matchLabels: { ...ours, 'knitfab.dev/kind': 'function' } })
const gateway = one('gateway')
const postgres = one('postgres')
const migration = one('migrate')
const agents = made('agents', 'dataagt')
const agentOfAll: Pods = { ...one(sharedAgent), when: isShared }
const programs = made('programs', 'worker')
// Knative's own Pods in our namespace: what watches workers, and what some kinds of brokers have with the broker.
const workerEvents = pods('worker-events', {
  matchLabels: { 'eventing.knative.dev/sourceName': 'workers' },
})
const brokers = pods('brokers', {
  matchExpressions: [{ key: 'eventing.knative.dev/broker', operator: 'Exists' }],
})

const anybody: Outside = {}
const knative: Outside = {
  peers: filledBlock('include "knitfab.namespaces" .Values.networkPolicies.knative'),
}

const http = [8080]
// Of what stands before each function: requests, in both versions of HTTP and encrypted, and how much it has to do.
const queueProxy = [8012, 8013, 8112, 9090, 9091]

const agentCalls: readonly ClusterCall[] = [
  'receive',
  'send',
  'listFiles',
  'readFile',
  'readLog',
  'followLog',
  'measureVolume',
]

const callsOfAll: readonly ClusterCall[] = [
  ...agentCalls,
  'ensureVolume',
  'deleteVolume',
  'adoptVolume',
  'listVolumes',
  'ensureWorker',
]

function lines(functions: readonly Deployed[]): Line[] {
  const streams = functions.filter((fn) => isDeployment(fn) && fn.service !== 'gateway')
  const callersOf = (calls: readonly ClusterCall[]) =>
    functions.filter(({ uses }) => uses.some((call) => calls.includes(call)))
  const ofAll = { ...some('agent-callers', callersOf(callsOfAll)), when: isShared }
  return [
    { from: anybody, to: gateway, ports: http },
    { from: gateway, to: some('streams', streams), ports: http },
    { from: functionPods, to: knative },
    { from: knative, to: functionPods, ports: queueProxy },
    { from: functionPods, to: postgres, ports: [5432] },
    { from: migration, to: postgres, ports: [5432] },
    { from: some('movers', callersOf(agentCalls)), to: agents, ports: http },
    { from: ofAll, to: agentOfAll, ports: http },
    { from: workerEvents, to: knative },
    ...[functionPods, workerEvents, brokers, knative].map((from) => ({
      from,
      to: brokers,
      ports: http,
    })),
    { from: brokers, to: knative },
  ]
}

function allowances(functions: readonly Deployed[]): Allowance[] {
  const callers = functions.filter(({ uses }) => uses.length > 0)
  return [
    { pods: everything, value: 'dns' },
    { pods: some('api-callers', callers), value: 'apiServer' },
    { pods: workerEvents, value: 'apiServer' },
    // A Pod has one network: what keeps the log of a program asks the API server for it.
    { pods: programs, value: 'apiServer' },
    { pods: programs, value: 'programs' },
    { pods: functionPods, value: 'functions' },
    { pods: functionPods, value: 'traces' },
    { pods: functionPods, value: 'database' },
    { pods: migration, value: 'database' },
    { pods: brokers, value: 'brokers' },
  ]
}

/** Nobody talks to anybody, but along the lines above. They need a network that enforces them. */
export function networkPolicies(functions: readonly Deployed[]): Manifest[] {
  const all = lines(functions)
  const parties = new Map(
    all.flatMap(({ from, to }) => [from, to].filter(isHere).map((party) => [party.name, party])),
  )
  return [
    policy('default-deny', everything, { policyTypes: ['Ingress', 'Egress'] }),
    ...[...parties.values()].map((party) => policyOf(party, all)),
    ...allowances(functions).map(({ pods: party, value }) =>
      policy(value === party.name ? `${value}-more` : `${party.name}-${kebab(value)}`, party, {
        policyTypes: ['Egress'],
        egress: filledBlock(
          value === 'apiServer'
            ? 'include "knitfab.apiServer" $'
            : `toYaml .Values.networkPolicies.${value}`,
        ),
      }),
    ),
  ]
}

const isHere = (party: Pods | Outside): party is Pods => 'podSelector' in party
const is = (party: Pods) => (other: Pods | Outside) => isHere(other) && other.name === party.name
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Both ends of a line have to allow it. */
function policyOf(party: Pods, all: readonly Line[]): Manifest {
  const called = all.filter(({ to }) => is(party)(to))
  const calling = all.filter(({ from }) => is(party)(from))
  return policy(party.name, party, {
    policyTypes: [
      ...(called.length > 0 ? ['Ingress'] : []),
      ...(calling.length > 0 ? ['Egress'] : []),
    ],
    ...(called.length > 0 && {
      ingress: called.map((line) => ({ ...peers('from', line.from), ...portsOf(line) })),
    }),
    ...(calling.length > 0 && {
      egress: calling.map((line) => ({ ...peers('to', line.to), ...portsOf(line) })),
    }),
  })
}

function peers(side: 'from' | 'to', party: Pods | Outside) {
  if (isHere(party)) return { [side]: [{ podSelector: party.podSelector }] }
  return party.peers === undefined ? {} : { [side]: party.peers }
}

const portsOf = ({ ports }: Line) =>
  ports ? { ports: ports.map((port) => ({ protocol: 'TCP', port })) } : {}

const enabled = '.Values.networkPolicies.enabled'

const policy = (
  name: string,
  { podSelector, when }: Pods,
  spec: Record<string, unknown>,
): Manifest => ({
  when: when === undefined ? enabled : `and ${enabled} (${when})`,
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, labels: filledKeys('include "knitfab.labels" (list $ "network")') },
  spec: { podSelector, ...spec },
})
