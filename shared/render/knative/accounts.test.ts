import { describe, expect, test } from 'vitest'
import { workerAccount } from '#shared/adapters/kubernetes-cluster/rights.ts'
import { accountRights, type Layout } from '#tests/support/account-rights.ts'
import gateway from '../../../functions/gateway/function.ts'
import { routeFunctions, stepFunctions } from '../../../functions/functions.generated.ts'
import { accounts } from './accounts.ts'
import { deployed } from './deployed.ts'
import type { Manifest } from './helm.ts'
import { isShared } from './layout.ts'

type RuleOfRole = { apiGroups: string[]; resources: string[]; verbs: string[] }
type Role = { metadata: { name: string }; rules: RuleOfRole[] }
type Binding = { metadata: { name: string }; roleRef: { name: string }; subjects: unknown }

/** What the chart makes where Data is kept so. */
const manifestsIn = (layout: Layout): Manifest[] =>
  accounts(deployed([...routeFunctions, ...stepFunctions, gateway])).filter(
    ({ when }) => when === undefined || (when === isShared) === (layout === 'shared'),
  )

const ofKind = (layout: Layout, kind: string): unknown[] =>
  manifestsIn(layout).filter((manifest) => manifest.kind === kind)

const rolesIn = (layout: Layout): Role[] => ofKind(layout, 'Role') as Role[]

const inWords = ({ apiGroups: [group], resources: [resource], verbs }: RuleOfRole): string =>
  [group ? `${group}/${resource}` : resource, ...verbs].join(' ')

/** Who may make such things. */
const makersOf = (layout: Layout, what: string): string[] =>
  rolesIn(layout)
    .filter(({ rules }) =>
      rules.some(({ resources, verbs }) => resources.includes(what) && verbs.includes('create')),
    )
    .map(({ metadata }) => metadata.name)
    .toSorted()

describe.each(['per-data', 'shared'] as const)('in the layout %s', (layout) => {
  test('each account may do what is written down for it, and no other may do anything', () => {
    const given = rolesIn(layout).map(({ metadata, rules }) => [
      metadata.name,
      rules.map(inWords).toSorted().join('; '),
    ])
    expect(new Set(given.map(([name]) => name)).size).toBe(given.length)
    expect(Object.fromEntries(given)).toEqual(accountRights[layout])
  })

  test('nobody may see Secrets, enter Pods or give rights, or do anything beyond the namespace', () => {
    const kinds = new Set(manifestsIn(layout).map(({ kind }) => kind))
    expect([...kinds].toSorted()).toEqual(['Role', 'RoleBinding', 'ServiceAccount'])
    const words = rolesIn(layout).flatMap(({ rules }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]),
    )
    const never = /\*|secret|account|exec|attach|forward|proxy|role|escalate|bind|impersonate/
    expect(words.filter((word) => never.test(word))).toEqual([])
  })

  test('a Role is bound to the account of its name, that of workers to those that plans may name as well', () => {
    for (const { metadata, roleRef, subjects } of ofKind(layout, 'RoleBinding') as Binding[]) {
      const { name } = metadata
      expect(roleRef.name).toBe(name)
      if (name === workerAccount) expect(subjects).toMatchObject({ form: 'block' })
      else expect(subjects).toEqual([{ kind: 'ServiceAccount', name }])
    }
  })

  test('programs are started by nobody but start-run', () => {
    expect(makersOf(layout, 'jobs')).toEqual(['step-start-run'])
  })
})

test('claims are made for outputs and for uploads, and Pods by whoever needs an agent for a volume', () => {
  expect(makersOf('per-data', 'persistentvolumeclaims')).toEqual([
    'api-data-push',
    'step-initialize-run',
  ])
  expect(makersOf('per-data', 'pods')).toEqual([
    'api-data-cat',
    'api-data-ls',
    'api-data-pull',
    'api-data-push',
    'api-runs-log',
    'step-finish-run',
  ])
})

test('where all Data is in one claim nobody makes claims or Pods', () => {
  expect(makersOf('shared', 'persistentvolumeclaims')).toEqual([])
  expect(makersOf('shared', 'pods')).toEqual([])
})
