import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  chart,
  find,
  helm,
  nameOf,
  podsOf,
  render,
  renderText,
  type Manifest,
  type Values,
} from './helm.ts'

const everything = parse(readFileSync(`${chart}/ci/everything-values.yaml`, 'utf8')) as Values

const lint = (values: Values) => helm(['lint', '--strict', '--quiet', chart], values)

test.each([
  ['its own values', {}],
  ['every value set', everything],
])('helm finds nothing to complain of, with %s', (_, values) => {
  expect(lint(values)).toMatchObject({ code: 0 })
})

/** One function of each kind is shown, for they are all alike; of policies, and of what is brought as it is, their tests have a better picture. */
const shown = ['api-data-push', 'step-start-run', 'gateway']
const isAlike = ({ apiVersion, kind, metadata: { name = '' } }: Manifest) =>
  kind === 'NetworkPolicy' ||
  (/^(api|step)-/.test(name) && apiVersion !== 'v1' && !shown.includes(name)) ||
  kind === 'PrometheusRule' ||
  name === 'knitfab-dashboard' ||
  kind === 'ServiceAccount' ||
  kind === 'RoleBinding'

function picture(values: Values): string {
  const sources = renderText(values).split(/^---$/m)
  const objects = render(values)
  const names = objects.map((object) => `${object.apiVersion} ${nameOf(object)}`).toSorted()
  const documents = sources.filter((source) => {
    const object = parse(source) as Manifest | null
    return object && !isAlike(object)
  })
  const text = documents
    .map((document) => document.trim())
    .toSorted()
    .join('\n---\n')
  // Secrets are made by chance.
  return `${names.join('\n')}\n---\n${text}\n`.replace(/\b[A-Za-z0-9]{48}\b/g, 'BY-CHANCE')
}

test('what is made with the values of the chart', async () => {
  await expect(picture({})).toMatchFileSnapshot('__snapshots__/default.snap')
})

test('what is made with every value set', async () => {
  await expect(picture(everything)).toMatchFileSnapshot('__snapshots__/everything.snap')
})

test('a database that is there already has its schema before anything is made, and one of our own as soon as it is', () => {
  const momentOf = (values: Values) =>
    find(render(values), 'Job/migrate').metadata.annotations?.['helm.sh/hook']
  expect(momentOf({})).toBe('post-install,pre-upgrade')
  const theirs = { postgres: { enabled: false }, secrets: { database: 'theirs' } }
  expect(momentOf({ ...theirs, networkPolicies: { enabled: false } })).toBe(
    'pre-install,pre-upgrade',
  )
})

test('what a Job of ours said is kept, each time that it failed', () => {
  for (const [name, { spec }] of podsOf(render()))
    if (name.startsWith('Job/')) expect(spec.restartPolicy, name).toBe('Never')
})

const long = {
  release: 'r'.repeat(53),
  namespace: 'n'.repeat(63),
}

test('nothing has a name or a label that is too long, however long those are that it is given', () => {
  const objects = render({ broker: { name: 'b'.repeat(63) } }, [], long)
  const words = objects.flatMap(({ metadata }) => [
    metadata.name ?? '',
    ...Object.values(metadata.labels ?? {}),
  ])
  expect(words.filter((word) => word.length > 63)).toEqual([])
  expect(
    objects.filter(({ metadata }) => (metadata.namespace ?? long.namespace) !== long.namespace),
  ).toEqual([])
})

test('all that is made has the labels by which it is found, and deleted', () => {
  const without = render().filter(
    ({ metadata }) => metadata.labels?.['app.kubernetes.io/part-of'] !== 'knit',
  )
  expect(without.map(nameOf)).toEqual([])
})

test('secrets, and the claim of all Data, outlive the release unless Data are to go with it', () => {
  const kept = (deleteData: boolean) =>
    render({ uninstall: { deleteData }, volumes: { layout: 'shared' } })
      .filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep')
      .map(nameOf)
  expect(kept(false).toSorted()).toEqual([
    'PersistentVolumeClaim/knitfab-data',
    'Secret/knitfab-database',
    'Secret/knitfab-signing-key',
    'Secret/knitfab-token',
  ])
  expect(kept(true)).toEqual([])
})
