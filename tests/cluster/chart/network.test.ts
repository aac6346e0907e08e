import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { labelsFor } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { asArgument, included, podsOf, render, type Manifest, type Values } from './helm.ts'
import { mayTalk, policiesOf, type Party } from './network.ts'

const namespace = 'there'

/** Of which a port matters: those that anything here or in Knative listens at, and those of the world. */
const ports = [53, 80, 443, 5432, 6443, 8012, 8013, 8022, 8080, 8081, 8112, 9090]

const labelsOf = (manifests: readonly Manifest[], name: string) =>
  podsOf(manifests).get(name)?.metadata?.labels ?? {}

const outside: Record<string, Party> = {
  'the internet': { ip: '203.0.113.7' },
  'the API server': { ip: '192.0.2.1' },
  'a neighbour': { ip: '10.0.1.1', namespace: 'theirs', labels: {} },
  'Knative’s ingress': { ip: '10.0.1.2', namespace: 'kourier-system', labels: {} },
  'Knative’s activator': { ip: '10.0.1.3', namespace: 'knative-serving', labels: {} },
  'Knative’s broker': { ip: '10.0.1.4', namespace: 'knative-eventing', labels: {} },
  DNS: { ip: '10.0.1.5', namespace: 'kube-system', labels: {} },
}

function inside(manifests: readonly Manifest[]): Record<string, Party> {
  const labels = {
    'the gateway': labelsOf(manifests, 'Deployment/gateway'),
    'what moves bytes': labelsOf(manifests, 'Deployment/api-data-push'),
    'a step that calls Kubernetes': labelsOf(manifests, 'Service/step-start-run'),
    'a step that does not': labelsOf(manifests, 'Service/step-match-data'),
    'the migration': labelsOf(manifests, 'Job/migrate'),
    'an agent': labelsFor('dataagt', 'agent-data-ro', { mode: 'ro' }),
    'a program': labelsFor('worker', 'worker-run-1', { run: '1' }),
    // What Knative gives the Pods that it makes in our namespace.
    'what watches workers': { 'eventing.knative.dev/sourceName': 'workers' },
    'a broker’s Pod': { 'eventing.knative.dev/broker': 'knitfab' },
    'somebody’s Pod': { app: 'theirs' },
    ...(podsOf(manifests).has('StatefulSet/postgres') && {
      'our Postgres': labelsOf(manifests, 'StatefulSet/postgres'),
    }),
    ...(podsOf(manifests).has('Deployment/agent') && {
      'the agent of all Data': labelsOf(manifests, 'Deployment/agent'),
    }),
    ...(podsOf(manifests).has('Deployment/expander') && {
      'the expander': labelsOf(manifests, 'Deployment/expander'),
    }),
  }
  return Object.fromEntries(
    Object.entries(labels).map(([name, own], index) => [
      name,
      { ip: `10.0.0.${index + 1}`, namespace, labels: own },
    ]),
  )
}

/** Each pair that may talk, with its ports. */
function openings(values: Values): string[] {
  const manifests = render(values)
  const policies = policiesOf(manifests)
  const here = inside(manifests)
  const all = Object.entries({ ...here, ...outside })
  return all.flatMap(([from, caller]) =>
    all
      .filter(([to]) => to !== from && (from in here || to in here))
      .flatMap(([to, called]) => {
        const open = ports.filter((port) => mayTalk({ namespace, policies }, caller, called, port))
        if (open.length === 0) return []
        return `${from} → ${to}: ${open.length === ports.length ? 'any' : open.join(' ')}`
      }),
  )
}

const narrow = {
  networkPolicies: {
    apiServer: [{ to: [{ ipBlock: { cidr: '192.0.2.1/32' } }], ports: [{ port: 6443 }] }],
  },
}

test('everybody reaches what their work asks for, and nothing else', () => {
  expect(openings(narrow).join('\n')).toMatchInlineSnapshot(`
    "the gateway → what moves bytes: 8080
    the gateway → a broker’s Pod: 8080
    the gateway → our Postgres: 5432
    the gateway → Knative’s ingress: any
    the gateway → Knative’s activator: any
    the gateway → Knative’s broker: any
    the gateway → DNS: 53
    what moves bytes → an agent: 8080
    what moves bytes → a broker’s Pod: 8080
    what moves bytes → our Postgres: 5432
    what moves bytes → the API server: 6443
    what moves bytes → Knative’s ingress: any
    what moves bytes → Knative’s activator: any
    what moves bytes → Knative’s broker: any
    what moves bytes → DNS: 53
    a step that calls Kubernetes → a broker’s Pod: 8080
    a step that calls Kubernetes → our Postgres: 5432
    a step that calls Kubernetes → the API server: 6443
    a step that calls Kubernetes → Knative’s ingress: any
    a step that calls Kubernetes → Knative’s activator: any
    a step that calls Kubernetes → Knative’s broker: any
    a step that calls Kubernetes → DNS: 53
    a step that does not → a broker’s Pod: 8080
    a step that does not → our Postgres: 5432
    a step that does not → Knative’s ingress: any
    a step that does not → Knative’s activator: any
    a step that does not → Knative’s broker: any
    a step that does not → DNS: 53
    the migration → our Postgres: 5432
    the migration → DNS: 53
    an agent → DNS: 53
    a program → the API server: 6443
    a program → DNS: 53
    what watches workers → a broker’s Pod: 8080
    what watches workers → the API server: 6443
    what watches workers → Knative’s ingress: any
    what watches workers → Knative’s activator: any
    what watches workers → Knative’s broker: any
    what watches workers → DNS: 53
    a broker’s Pod → Knative’s ingress: any
    a broker’s Pod → Knative’s activator: any
    a broker’s Pod → Knative’s broker: any
    a broker’s Pod → DNS: 53
    somebody’s Pod → DNS: 53
    our Postgres → DNS: 53
    the internet → the gateway: 8080
    the API server → the gateway: 8080
    a neighbour → the gateway: 8080
    Knative’s ingress → the gateway: 8012 8013 8080 8112 9090
    Knative’s ingress → what moves bytes: 8012 8013 8112 9090
    Knative’s ingress → a step that calls Kubernetes: 8012 8013 8112 9090
    Knative’s ingress → a step that does not: 8012 8013 8112 9090
    Knative’s ingress → a broker’s Pod: 8080
    Knative’s activator → the gateway: 8012 8013 8080 8112 9090
    Knative’s activator → what moves bytes: 8012 8013 8112 9090
    Knative’s activator → a step that calls Kubernetes: 8012 8013 8112 9090
    Knative’s activator → a step that does not: 8012 8013 8112 9090
    Knative’s activator → a broker’s Pod: 8080
    Knative’s broker → the gateway: 8012 8013 8080 8112 9090
    Knative’s broker → what moves bytes: 8012 8013 8112 9090
    Knative’s broker → a step that calls Kubernetes: 8012 8013 8112 9090
    Knative’s broker → a step that does not: 8012 8013 8112 9090
    Knative’s broker → a broker’s Pod: 8080
    DNS → the gateway: 8080"
  `)
})

/** What is reached with these values, and is not without them. */
const moreWith = (values: Values): string[] => {
  const usual = openings(narrow)
  const all = openings({ ...narrow, ...values })
  expect(all).toEqual(expect.arrayContaining(usual))
  return all.filter((line) => !usual.includes(line))
}
const sharing = { volumes: { layout: 'shared' } }

test('where all Data share a claim, its agent is reached by those who have something to do with Data, and reaches nobody', () => {
  expect(moreWith(sharing)).toEqual([
    'what moves bytes → the agent of all Data: 8080',
    'a step that calls Kubernetes → the agent of all Data: 8080',
    'the agent of all Data → DNS: 53',
  ])
})

test('of functions these reach it, and no others', () => {
  const manifests = render({ ...narrow, ...sharing })
  const policies = policiesOf(manifests)
  const agent = { ip: '10.0.0.1', namespace, labels: labelsOf(manifests, 'Deployment/agent') }
  const callers = [...podsOf(manifests)].filter(([, { metadata }]) =>
    mayTalk(
      { namespace, policies },
      { ip: '10.0.0.2', namespace, labels: metadata?.labels ?? {} },
      agent,
      8080,
    ),
  )
  expect(callers.map(([name]) => name).toSorted()).toMatchInlineSnapshot(`
    [
      "Deployment/api-data-cat",
      "Deployment/api-data-pull",
      "Deployment/api-data-push",
      "Deployment/api-runs-log",
      "Service/api-admin-check",
      "Service/api-data-ls",
      "Service/api-imports-end",
      "Service/step-clean-up",
      "Service/step-collect-garbage",
      "Service/step-finish-run",
      "Service/step-initialize-run",
      "Service/step-start-run",
    ]
  `)
})

test('what makes claims larger reaches the API server, and is reached by nobody', () => {
  expect(moreWith({ volumes: { expander: { enabled: true } } })).toEqual([
    'the expander → the API server: 6443',
    'the expander → DNS: 53',
  ])
})

test.each([
  ['each Data has a claim', {}],
  ['all Data share a claim', sharing],
])('from outside nobody is reached but the gateway, where %s', (_, values) => {
  const all = { ...narrow, ...values }
  const parties = inside(render(all))
  const reached = openings(all).filter((line) => /^(the internet|a neighbour) →/.test(line))
  expect(Object.keys(parties)).toContain('our Postgres')
  expect(reached).toEqual(['the internet → the gateway: 8080', 'a neighbour → the gateway: 8080'])
})

test('where the API server is not named, it is where the cluster says', () => {
  const there = (service: object, slice: object): unknown =>
    parse(included('knitfab.apiServerAt', `list ${[service, slice].map(asArgument).join(' ')}`))
  const service = { spec: { clusterIPs: ['10.96.0.1', 'fd00::1'], ports: [{ port: 443 }] } }
  const slice = {
    endpoints: [{ addresses: ['192.0.2.1'] }, { addresses: ['192.0.2.2'] }],
    ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
  }
  const to = (...cidrs: string[]) => cidrs.map((cidr) => ({ ipBlock: { cidr } }))
  expect(there(service, slice)).toEqual([
    { to: to('192.0.2.1/32', '192.0.2.2/32'), ports: [{ protocol: 'TCP', port: 6443 }] },
    { to: to('10.96.0.1/32', 'fd00::1/128'), ports: [{ protocol: 'TCP', port: 443 }] },
  ])
  expect(there({}, slice)).toHaveLength(1)
  expect(there({}, {})).toBeNull()
})

test('where nobody can be asked, the usual ports of an API server are open, to programs as well', () => {
  const known = openings(narrow)
  const more = openings({}).filter((line) => !known.includes(line))
  expect(more.filter((line) => line.startsWith('a program'))).toContain(
    'a program → the internet: 443 6443',
  )
})

test('what the values allow is reached: database, hooks, what programs need, where a broker keeps its events', () => {
  const to = (ip: string, port: number) => [{ to: [{ ipBlock: { cidr: ip } }], ports: [{ port }] }]
  const reached = openings({
    postgres: { enabled: false },
    secrets: { database: 'theirs' },
    networkPolicies: {
      ...narrow.networkPolicies,
      dns: [],
      database: to('203.0.113.7/32', 5432),
      functions: to('203.0.113.7/32', 8080),
      programs: to('203.0.113.7/32', 80),
      brokers: to('203.0.113.7/32', 53),
    },
  })
  expect(reached.filter((line) => line.includes('→ the internet'))).toEqual([
    'the gateway → the internet: 5432 8080',
    'what moves bytes → the internet: 5432 8080',
    'a step that calls Kubernetes → the internet: 5432 8080',
    'a step that does not → the internet: 5432 8080',
    'the migration → the internet: 5432',
    'a program → the internet: 80',
    'a broker’s Pod → the internet: 53',
  ])
})

test('namespaces that the values name are in the place of those of the chart', () => {
  const called = (name: string) => [{ matchLabels: { 'kubernetes.io/metadata.name': name } }]
  const networkPolicies = { ...narrow.networkPolicies, knative: called('theirs') }
  const reached = openings({ networkPolicies })
  expect(reached.filter((line) => /Knative’s .* → a step that does not/.test(line))).toEqual([])
  expect(reached).toContain('a neighbour → a step that does not: 8012 8013 8112 9090')
})

test('an admin who has other means does without', () => {
  const kinds = render({ networkPolicies: { enabled: false } }).map(({ kind }) => kind)
  expect(kinds).not.toContain('NetworkPolicy')
})
