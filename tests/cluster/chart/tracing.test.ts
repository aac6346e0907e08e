import { expect, test } from 'vitest'
import { find, podsOf, render, type Manifest, type Values } from './helm.ts'
import { mayTalk, policiesOf } from './network.ts'

const there = { to: [{ ipBlock: { cidr: '192.0.2.6/32' } }], ports: [{ port: 4318 }] }
const tracing = { endpoint: 'http://192.0.2.6:4318', headersSecret: 'ours', share: 0.25 }
const sending = (values: Values = {}) =>
  render({ tracing, networkPolicies: { traces: [there] }, ...values })

const functionsOf = (manifests: readonly Manifest[]) =>
  [...podsOf(manifests)].filter(
    ([, { metadata }]) => metadata?.labels?.['knitfab.dev/kind'] === 'function',
  )
const settingsOf = (manifests: readonly Manifest[]) =>
  find(manifests, 'ConfigMap/knitfab-settings').data ?? {}

test('every function is told where traces go, and what it needs for that', () => {
  const manifests = sending()
  expect(settingsOf(manifests)).toMatchObject({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://192.0.2.6:4318',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  })
  const name = 'OTEL_EXPORTER_OTLP_HEADERS'
  for (const [which, { spec }] of functionsOf(manifests))
    expect(spec.containers[0]?.env, which).toContainEqual({
      name,
      valueFrom: { secretKeyRef: { name: 'ours', key: name } },
    })
})

test('functions reach that place, and nobody else does', () => {
  const manifests = sending()
  const policies = policiesOf(manifests)
  const collector = { ip: '192.0.2.6' }
  for (const [name, { metadata }] of podsOf(manifests)) {
    const labels = metadata?.labels ?? {}
    const from = { ip: '10.0.0.1', namespace: 'there', labels }
    expect(mayTalk({ namespace: 'there', policies }, from, collector, 4318), name).toBe(
      labels['knitfab.dev/kind'] === 'function',
    )
  }
})

test('unless an admin names a place, nothing is said of traces', () => {
  const usual = render()
  expect(Object.keys(settingsOf(usual)).filter((name) => name.startsWith('OTEL'))).toEqual([])
  expect(JSON.stringify(functionsOf(usual))).not.toContain('OTEL')
})
