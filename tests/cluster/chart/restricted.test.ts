import { expect, test } from 'vitest'
import { podsOf, render } from './helm.ts'
import { clusterSettings, madePods } from './pods.ts'
import { notRestricted } from './restricted.ts'

test('every Pod of the chart is as the restricted profile of Pod Security asks', () => {
  const pods = podsOf(render({ uninstall: { deleteData: true } }))
  expect([...pods.keys()].map((name) => name.split('/')[0]).toSorted()).toContain('StatefulSet')
  const faults = [...pods].flatMap(([name, { spec }]) =>
    notRestricted(spec).map((fault) => `${name}: ${fault}`),
  )
  expect(faults).toEqual([])
})

test('so is an agent', () => {
  const { agent } = madePods()
  expect(agent && notRestricted(agent)).toEqual([])
})

test('so is a program, with what stands beside it, where the values say so; but it may write where it likes', () => {
  const workers = { ...clusterSettings.workers, profile: 'restricted' as const }
  const { program } = madePods({ ...clusterSettings, workers })
  expect(program && notRestricted(program)).toEqual(['main.readOnlyRootFilesystem'])
})

test('only Pods whose functions ask Kubernetes something have a token', () => {
  const manifests = render()
  const accounts = manifests
    .filter(({ kind }) => kind === 'Role')
    .map(({ metadata }) => metadata.name)
  const withToken = [...podsOf(manifests)].filter(
    ([, { spec }]) => spec.automountServiceAccountToken !== false,
  )
  expect(
    withToken
      .map(([, { spec }]) => spec.serviceAccountName)
      .filter((name) => !accounts.includes(name)),
  ).toEqual([])
})
