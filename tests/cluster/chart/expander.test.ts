import { expect, test } from 'vitest'
import { find, nameOf, podsOf, render, type Manifest } from './helm.ts'
import { notRestricted } from './restricted.ts'

const expander = { enabled: true, margin: '2Gi', delta: '10Gi', most: '1Ti' }
const more = (manifests: Manifest[]) => {
  const usual = new Set(render().map(nameOf))
  return manifests.map(nameOf).filter((name) => !usual.has(name))
}

const grown = render({ volumes: { expander } })

test('nothing makes claims larger unless an admin wants that, and then one Pod does', () => {
  expect(more(render({ volumes: { expander: { ...expander, enabled: false } } }))).toEqual([])
  expect(more(grown).toSorted()).toEqual([
    'ClusterRole/knitfab-expander-there',
    'ClusterRoleBinding/knitfab-expander-there',
    'Deployment/expander',
    'NetworkPolicy/expander',
    'Role/expander',
    'RoleBinding/expander',
    'ServiceAccount/expander',
  ])
})

test('beyond the namespace it may ask kubelets, and nothing else', () => {
  const rulesOf = (name: string) => (find(grown, name) as Manifest & { rules: unknown }).rules
  expect(rulesOf('ClusterRole/knitfab-expander-there')).toEqual([
    { apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] },
  ])
  expect(rulesOf('Role/expander')).toEqual([
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'patch'] },
  ])
})

test('it is told how claims grow, and is as the restricted profile of Pod Security asks', () => {
  const spec = podsOf(grown).get('Deployment/expander')?.spec
  expect(spec && notRestricted(spec)).toEqual([])
  const told = Object.fromEntries(
    (spec?.containers[0]?.env ?? []).map(({ name, value }) => [name, value]),
  )
  expect(told).toEqual({
    KNIT_NAMESPACE: 'there',
    KNIT_EXPAND_INTERVAL: '10',
    KNIT_EXPAND_MARGIN: '2Gi',
    KNIT_EXPAND_DELTA: '10Gi',
    KNIT_EXPAND_MOST: '1Ti',
  })
})
