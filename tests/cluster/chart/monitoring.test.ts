import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { chart, find, nameOf, podsOf, render } from './helm.ts'
import { mayTalk, policiesOf, type Party } from './network.ts'

const monitoring = { enabled: true, port: 9999, labels: { release: 'prometheus' } }
const watched = render({ monitoring })
const kindsOf = (values: object): string[] =>
  render({ monitoring: { ...monitoring, ...values } }).map(nameOf)

const settingsOf = (manifests: typeof watched) => find(manifests, 'ConfigMap/knitfab-settings').data
const functions = [...podsOf(watched)].filter(
  ([, { metadata }]) => metadata?.labels?.['knitfab.dev/kind'] === 'function',
)

test('nothing is told, and nobody let in, unless an admin wants that', () => {
  const usual = render()
  expect(settingsOf(usual)).not.toHaveProperty('KNIT_METRICS_PORT')
  const names = new Set(usual.map(nameOf))
  const more = watched.map(nameOf).filter((name) => !names.has(name))
  expect(more.toSorted()).toEqual([
    'ConfigMap/knitfab-dashboard',
    'NetworkPolicy/metrics',
    'PodMonitor/knitfab',
    'PrometheusRule/knitfab',
  ])
})

test('every function tells its metrics at a port of its own, to which no service leads', () => {
  expect(settingsOf(watched)).toMatchObject({ KNIT_METRICS_PORT: '9999' })
  const own = watched.filter(({ kind }) => kind !== 'NetworkPolicy' && kind !== 'PodMonitor')
  const leading = own.filter((manifest) => /[pP]ort"?:9999/.test(JSON.stringify(manifest)))
  expect(leading.map(nameOf)).toEqual([])
})

test('Prometheus finds each function once, by the name of its one port, and calls it by its name', () => {
  const { spec, metadata } = find(watched, 'PodMonitor/knitfab')
  expect(metadata.labels).toMatchObject({ release: 'prometheus' })
  expect(spec).toMatchObject({
    selector: { matchLabels: { 'knitfab.dev/kind': 'function' } },
    podMetricsEndpoints: [
      {
        port: 'user-port',
        path: '/metrics',
        interval: '30s',
        relabelings: [
          { sourceLabels: ['__address__'], replacement: '$1:9999' },
          { targetLabel: 'function' },
        ],
      },
    ],
  })
  for (const [name, pod] of functions) {
    const ports = pod.spec.containers.flatMap((container) => container.ports ?? [])
    // Knative names it so by itself.
    const named = name.startsWith('Deployment') && { name: 'user-port' }
    expect(ports, name).toEqual([{ ...named, containerPort: 8080 }])
  }
})

test('only who watches may ask for metrics, and for nothing else', () => {
  const policies = policiesOf(watched)
  const from = (namespace: string): Party => ({ ip: '10.0.1.1', namespace, labels: {} })
  expect(functions.length).toBeGreaterThan(30)
  for (const [name, { metadata }] of functions) {
    const pod = { ip: '10.0.0.1', namespace: 'there', labels: metadata?.labels ?? {} }
    const may = (namespace: string, port: number) =>
      mayTalk({ namespace: 'there', policies }, from(namespace), pod, port)
    expect({ name, watcher: may('monitoring', 9999), other: may('theirs', 9999) }).toEqual({
      name,
      watcher: true,
      other: false,
    })
    // The gateway is for everybody.
    if (name !== 'Deployment/gateway') expect(may('monitoring', 8080)).toBe(false)
  }
  const postgres = podsOf(watched).get('StatefulSet/postgres')?.metadata?.labels ?? {}
  const pod = { ip: '10.0.0.2', namespace: 'there', labels: postgres }
  expect(mayTalk({ namespace: 'there', policies }, from('monitoring'), pod, 9999)).toBe(false)
})

test('who watches is who the values say, and nobody besides', () => {
  const from = [{ matchLabels: { team: 'ops' } }]
  const manifests = render({ monitoring: { ...monitoring, from } })
  expect(find(manifests, 'NetworkPolicy/metrics').spec?.['ingress']).toEqual([
    {
      from: [{ namespaceSelector: { matchLabels: { team: 'ops' } } }],
      ports: [{ protocol: 'TCP', port: 9999 }],
    },
  ])
})

test('rules and dashboard are brought as they are', () => {
  const rules = readFileSync(`${chart}/monitoring/rules.yaml`, 'utf8')
  expect(find(watched, 'PrometheusRule/knitfab').spec).toEqual(parse(rules))
  const { metadata, data } = find(watched, 'ConfigMap/knitfab-dashboard')
  expect(metadata.labels).toMatchObject({ grafana_dashboard: '1', release: 'prometheus' })
  const dashboard = readFileSync(`${chart}/monitoring/dashboard.json`, 'utf8')
  expect(JSON.parse(data?.['knitfab.json'] ?? '')).toEqual(JSON.parse(dashboard))
})

test('without its operator Prometheus finds what to ask by annotations', () => {
  const without = { operator: false, dashboard: false, annotations: true }
  const names = kindsOf(without)
  for (const name of [
    'PodMonitor/knitfab',
    'PrometheusRule/knitfab',
    'ConfigMap/knitfab-dashboard',
  ])
    expect(names).not.toContain(name)
  const pods = podsOf(render({ monitoring: { ...monitoring, ...without } }))
  for (const [name] of functions)
    expect(pods.get(name)?.metadata?.annotations, name).toMatchObject({
      'prometheus.io/scrape': 'true',
      'prometheus.io/path': '/metrics',
      'prometheus.io/port': '9999',
    })
  for (const [name, { metadata }] of podsOf(watched))
    expect(Object.keys(metadata?.annotations ?? {}), name).not.toContain('prometheus.io/scrape')
})
