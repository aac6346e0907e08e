/** What our objects are, by the name that their labels begin with. */
export type Kind = 'data' | 'worker' | 'dataagt'

const own = (kind: Kind) => `knit/${kind}.`

/** The labels of an object of ours: what Kubernetes' tools look for, and what it is about. */
export const labelsFor = (kind: Kind, name: string, about: Record<string, string>) => ({
  'app.kubernetes.io/name': kind,
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/component': kind,
  'app.kubernetes.io/part-of': 'knit',
  'app.kubernetes.io/managed-by': 'knit',
  ...Object.fromEntries(Object.entries(about).map(([key, value]) => [own(kind) + key, value])),
})

/** What an object is about. */
export const aboutOf = (kind: Kind, labels: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) =>
      key.startsWith(own(kind)) ? [[key.slice(own(kind).length), value]] : [],
    ),
  )

/** Selects all our objects of a kind, and those about something. */
export const selectorOf = (kind: Kind, about: Record<string, string> = {}): string =>
  [
    `app.kubernetes.io/name=${kind}`,
    'app.kubernetes.io/managed-by=knit',
    ...Object.entries(about).map(([key, value]) => `${own(kind)}${key}=${value}`),
  ].join(',')
