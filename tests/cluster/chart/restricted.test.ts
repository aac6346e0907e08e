import { expect, test } from 'vitest'
import { podsOf, render, type Manifest } from './helm.ts'
import { clusterSettings, madePods } from './pods.ts'
import { notRestricted } from './restricted.ts'

test.each([
  ['each Data has a claim', 'per-data', 'Deployment/expander'],
  ['all Data share a claim', 'shared', 'Deployment/agent'],
])(
  'where %s every Pod of the chart is as the restricted profile of Pod Security asks',
  (_, layout, one) => {
    const volumes = { layout, expander: { enabled: true } }
    const pods = podsOf(render({ uninstall: { deleteData: true }, volumes }))
    expect([...pods.keys()]).toEqual(
      expect.arrayContaining(['StatefulSet/postgres', 'Job/migrate', 'Job/uninstall', one]),
    )
    const faults = [...pods].flatMap(([name, { spec }]) =>
      notRestricted(spec).map((fault) => `${name}: ${fault}`),
    )
    expect(faults).toEqual([])
  },
)

test('so is an agent', () => {
  const { agent } = madePods()
  expect(agent && notRestricted(agent)).toEqual([])
})

test('so is a program, with what stands beside it, where the values say so; but it may write where it likes', () => {
  const workers = { ...clusterSettings.workers, profile: 'restricted' as const }
  const { program } = madePods({ ...clusterSettings, workers })
  expect(program && notRestricted(program)).toEqual(['main.readOnlyRootFilesystem'])
})

test.each(['per-data', 'shared'])(
  'with the layout %s only Pods whose functions ask Kubernetes something have a token',
  (layout) => {
    const manifests = render({ volumes: { layout } })
    const namesOf = (all: readonly Manifest[]) => all.map(({ metadata }) => metadata.name)
    const withRights = namesOf(manifests.filter(({ kind }) => kind === 'Role'))
    const withoutToken = namesOf(
      manifests.filter(
        ({ automountServiceAccountToken }) => automountServiceAccountToken === false,
      ),
    )
    const withToken = [...podsOf(manifests).values()]
      .filter(({ spec }) => spec.automountServiceAccountToken !== false)
      .map(({ spec }) => spec.serviceAccountName)
      .filter((name) => !withoutToken.includes(name))
    expect(withToken).toContain('step-start-run')
    expect(withToken.filter((name) => !withRights.includes(name))).toEqual([])
  },
)
