import type {
  V1NodeAffinity,
  V1NodeSelectorRequirement,
  V1Toleration,
} from '@kubernetes/client-node'
import { formatLabel, type Label, type OnNode } from '#shared/domain/on-node.ts'

type Placement = { tolerations?: V1Toleration[]; affinity?: { nodeAffinity: V1NodeAffinity } }

/** Where a Pod may, would rather, and must be: admins taint and label a node alike. */
export function placementOf({ may, prefer, must }: OnNode): Placement {
  const tolerations = unique([
    ...[...may, ...prefer, ...must].map((label) => tolerationOf(label, 'NoSchedule')),
    ...[...prefer, ...must].map((label) => tolerationOf(label, 'PreferNoSchedule')),
  ])
  const nodeAffinity: V1NodeAffinity = {
    ...(prefer.length > 0 && {
      preferredDuringSchedulingIgnoredDuringExecution: prefer.map((label) => ({
        weight: 1,
        preference: { matchExpressions: expressionsOf([label]) },
      })),
    }),
    ...(must.length > 0 && {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: expressionsOf(must) }],
      },
    }),
  }
  return {
    ...(tolerations.length > 0 && { tolerations }),
    ...(prefer.length + must.length > 0 && { affinity: { nodeAffinity } }),
  }
}

const tolerationOf = ({ key, value }: Label, effect: string): V1Toleration => ({
  key,
  operator: 'Equal',
  value,
  effect,
})

function unique(tolerations: V1Toleration[]): V1Toleration[] {
  const keyOf = ({ key = '', value = '', effect }: V1Toleration) =>
    `${formatLabel({ key, value })} ${effect}`
  return [...new Map(tolerations.map((one) => [keyOf(one), one])).values()]
}

/** All keys have to fit; of a key's values one. */
const expressionsOf = (labels: Label[]): V1NodeSelectorRequirement[] =>
  [...Map.groupBy(labels, ({ key }) => key)].map(([key, own]) => ({
    key,
    operator: 'In',
    values: own.map(({ value }) => value),
  }))
