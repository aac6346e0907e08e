import type { ClusterCall } from '#shared/ports/cluster.ts'
import { isDeployment, type Deployed } from './deployed.ts'
import { filledBlock, filledKeys, type Manifest } from './helm.ts'

const when = '.Values.networkPolicies.enabled'
const labels = filledKeys('include "knitfab.labels" (list $ "network")')
const ours = { 'app.kubernetes.io/part-of': 'knit' }
const port = [{ protocol: 'TCP', port: 8080 }]
const knative = { namespaceSelector: filledBlock('toYaml .Values.networkPolicies.knative') }

function policy(name: string, spec: Record<string, unknown>): Manifest {
  return {
    when,
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, labels },
    spec,
  }
}

const selected = (service: string) => ({
  matchLabels: { ...ours, 'app.kubernetes.io/component': service },
})

/** What we make while we work, by what it is. */
const made = (name: string) => ({
  matchLabels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/managed-by': 'knit' },
})

const callsAgents: readonly ClusterCall[] = ['receive', 'send', 'readLog', 'measureVolume']

/**
 * Nobody talks to anybody, but: functions to Postgres, DNS, the API server and Knative; Knative to functions; the gateway to
 * what it forwards to; everybody to the gateway; functions that move bytes to their agents; users' programs to DNS, and what keeps
 * their logs to the API server. They need a network that enforces them.
 */
export const networkPolicies = (functions: readonly Deployed[]): Manifest[] => [
  policy('default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
  policy('dns', {
    podSelector: {},
    policyTypes: ['Egress'],
    egress: [
      {
        ports: [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      },
    ],
  }),
  policy('functions', {
    podSelector: { matchLabels: { ...ours, 'knitfab.dev/kind': 'function' } },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: [knative] }],
    egress: [
      { to: [{ podSelector: { matchLabels: ours } }, knative] },
      { to: filledBlock('toYaml .Values.networkPolicies.apiServer') },
      { to: filledBlock('toYaml .Values.networkPolicies.database') },
    ],
  }),
  ...functions.filter(isDeployment).map(({ service }) =>
    policy(service, {
      podSelector: selected(service),
      policyTypes: ['Ingress'],
      ingress: [
        service === 'gateway'
          ? { ports: port }
          : { from: [{ podSelector: selected('gateway') }], ports: port },
      ],
    }),
  ),
  policy('agents', {
    podSelector: made('dataagt'),
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: functions
          .filter(({ uses }) => uses.some((call) => callsAgents.includes(call)))
          .map(({ service }) => ({ podSelector: selected(service) })),
        ports: port,
      },
    ],
  }),
  // A Pod has one network: what keeps a program's log asks the API server for it.
  policy('logs', {
    podSelector: made('worker'),
    policyTypes: ['Egress'],
    egress: [{ to: filledBlock('toYaml .Values.networkPolicies.apiServer') }],
  }),
  policy('programs', {
    podSelector: made('worker'),
    policyTypes: ['Egress'],
    egress: filledBlock('toYaml .Values.networkPolicies.programs'),
  }),
]
