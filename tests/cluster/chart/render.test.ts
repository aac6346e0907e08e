import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
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

test.each(['1e3', 'on'])(
  'a name is one also where YAML would take it for something else: %s',
  (word) => {
    const shapeOf = (name: string) => {
      const secrets = { signingKey: name, token: name, database: name }
      const values = {
        secrets,
        broker: { name, class: name, url: 'http://events.test' },
        gateway: {
          tlsSecret: name,
          ingress: { enabled: true, className: name, host: 'knit.test', tlsSecret: name },
        },
        postgres: { storageClass: name },
        volumes: { layout: 'shared', storageClass: name, expander: { enabled: true } },
        workers: { priorityClass: name, serviceAccounts: [name], imagePullSecrets: [name] },
        tracing: { endpoint: 'http://192.0.2.6:4318', headersSecret: name },
        networkPolicies: { enabled: false },
        uninstall: { deleteData: true },
      }
      const text = renderText(values, [], { release: name, namespace: name })
      const objects = parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS())
      const kinds = (_: string, value: unknown) =>
        value && typeof value === 'object' ? value : typeof value
      return JSON.stringify(objects, kinds, 1)
    }
    expect(shapeOf(word)).toBe(shapeOf('plain'))
  },
)

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
