import { isDeepStrictEqual } from 'node:util'
import { sharedAgent } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import {
  workerAccount,
  workerRights,
  type Rule,
} from '#shared/adapters/kubernetes-cluster/rights.ts'
import type { Deployed } from './deployed.ts'
import { filledBlock, filledKeys, type Manifest } from './helm.ts'
import { isShared, rightsByLayout } from './layout.ts'

/** An account for each function, with the verbs that its calls need and no others. */
export const accounts = (functions: readonly Deployed[]): Manifest[] => [
  ...functions.flatMap(accountByLayout),
  ...account('worker-events', [
    { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
    { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch'] },
  ]),
  // Whatever account a program has, what keeps its log has the same.
  ...account(workerAccount, workerRights, filledBlock('include "knitfab.workerAccounts" $')),
  ...account(sharedAgent, []).map((manifest) => ({ ...manifest, when: isShared })),
]

/** What is the same in every layout is there once; what differs, for each layout under its condition. */
function accountByLayout({ service, uses }: Deployed): Manifest[] {
  const layouts = rightsByLayout.map(({ when, rights }) => ({
    when,
    manifests: account(
      service,
      uses.flatMap((call) => rights[call]),
    ),
  }))
  const isCommon = (manifest: Manifest) =>
    layouts.every(({ manifests }) => manifests.some((other) => isDeepStrictEqual(other, manifest)))
  return [
    ...(layouts[0]?.manifests.filter(isCommon) ?? []),
    ...layouts.flatMap(({ when, manifests }) =>
      manifests
        .filter((manifest) => !isCommon(manifest))
        .map((manifest) => ({ ...manifest, when })),
    ),
  ]
}

function account(
  name: string,
  rules: readonly Rule[],
  subjects: unknown = [{ kind: 'ServiceAccount', name }],
): Manifest[] {
  const metadata = { name, labels: filledKeys(`include "knitfab.labels" (list $ "${name}")`) }
  const own: Manifest = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata,
    automountServiceAccountToken: rules.length > 0,
  }
  if (rules.length === 0) return [own]
  const apiGroup = 'rbac.authorization.k8s.io'
  return [
    own,
    { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules: merged(rules) },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', name },
      subjects,
    },
  ]
}

/** One rule for each resource, with all its verbs. */
function merged(rules: readonly Rule[]) {
  const verbs = new Map<string, Set<string>>()
  for (const { group, resources, verbs: own } of rules)
    for (const resource of resources) {
      const key = `${group}/${resource}`
      verbs.set(key, new Set([...(verbs.get(key) ?? []), ...own]))
    }
  return [...verbs].toSorted().map(([key, all]) => {
    const slash = key.indexOf('/')
    return {
      apiGroups: [key.slice(0, slash)],
      resources: [key.slice(slash + 1)],
      verbs: [...all].toSorted(),
    }
  })
}
