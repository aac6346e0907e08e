import type { V1ConfigMap, V1ObjectMeta, V1StorageClassList } from '@kubernetes/client-node'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { newNamespace } from '#tests/support/kubernetes.ts'
import { chart, least } from './helm.ts'
import { seenOtherwise, type Edits } from './seen-otherwise.ts'

const execute = promisify(execFile)

/** What helm says of an install in a cluster that answers so; it has to be refused. */
async function refusal(edits: Edits): Promise<string> {
  // It keeps what it has learnt of an address, which is another cluster's the next time.
  const cache = mkdtempSync(join(tmpdir(), 'knit-chart-'))
  const env = { ...process.env, KUBECACHEDIR: cache }
  const install = ['install', 'knitfab', chart, '--dry-run=server', '--values', least]
  const at = (server: string) => ['--namespace', newNamespace(), '--kube-apiserver', server]
  const taken = () => {
    throw new Error('it was taken')
  }
  try {
    return await seenOtherwise(edits, (server) =>
      execute('helm', [...install, ...at(server)], { env, maxBuffer: 2 ** 28 }).then(
        taken,
        ({ stderr }: { stderr: string }) => stderr,
      ),
    )
  } finally {
    rmSync(cache, { recursive: true })
  }
}

type Groups = { groups: { name: string }[] }
type Labelled = { metadata?: V1ObjectMeta }

const withoutGroups =
  (...names: string[]) =>
  (found: Groups) => ({
    ...found,
    groups: found.groups.filter(({ name }) => !names.includes(name)),
  })

/** What parts of Knative are known by; nothing is said of it, unless given. */
const ofVersion =
  (version?: string) =>
  ({ metadata, ...rest }: Labelled) => ({
    ...rest,
    metadata: {
      ...metadata,
      labels: { ...metadata?.labels, 'app.kubernetes.io/version': version },
    },
  })

const withIngress = (name: string) => (found: V1ConfigMap) => ({
  ...found,
  data: { ...found.data, 'ingress-class': `${name}.ingress.networking.knative.dev` },
})

const withoutDefault = (found: V1StorageClassList) => ({
  ...found,
  items: found.items.map(({ metadata, ...rest }) => ({
    ...rest,
    metadata: { ...metadata, annotations: {} },
  })),
})

const namespaces = '/api/v1/namespaces'
const kinds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

test.for<[what: string, edits: Edits, words: RegExp[]]>([
  [
    'has no Knative',
    { '/apis': withoutGroups('serving.knative.dev', 'eventing.knative.dev') },
    [
      /^Knative Eventing is not in this cluster, .* eventing\.knative\.dev\/v1: install Knative 1\.13 or later/,
      /^Knative Serving is not in this cluster, .* serving\.knative\.dev\/v1: install Knative 1\.13 or later/,
    ],
  ],
  [
    'has a Knative of long ago',
    { [`${namespaces}/knative-serving`]: ofVersion('1.12.0') },
    [/^Knative in knative-serving is 1\.12\.0, which is too old: install 1\.13 or later/],
  ],
  [
    'has one that only its kinds tell of',
    {
      [`${namespaces}/knative-eventing`]: ofVersion(),
      [`${kinds}/brokers.eventing.knative.dev`]: ofVersion('1.12.4'),
    },
    [/^Knative in knative-eventing is 1\.12\.4, which is too old: install 1\.13 or later/],
  ],
  [
    'has an ingress that policies would keep away',
    { [`${namespaces}/knative-serving/configmaps/config-network`]: withIngress('istio') },
    [
      /^networkPolicies\.knative names kourier-system, while the ingress of Knative is istio\..*: name the namespaces/,
    ],
  ],
  [
    'has no storage that is its default',
    { '/apis/storage.k8s.io/v1/storageclasses': withoutDefault },
    [
      /^volumes\.storageClass is empty, and no StorageClass .* its default: take one that it has/,
      /^postgres\.storageClass is empty, and no StorageClass .* its default: take one that it has/,
    ],
  ],
])(
  'a cluster that %s is refused before anything is made, with what to do',
  async ([, edits, words]) => {
    const [, ...mistakes] = (await refusal(edits)).split('\n\n- ')
    expect(mistakes).toEqual(words.map((word) => expect.stringMatching(word)))
  },
)

test('a Kubernetes of long ago is refused before anything is made, with the version that it takes', async () => {
  const version = { major: '1', minor: '28', gitVersion: 'v1.28.9' }
  const said = await refusal({ '/version': (found: object) => ({ ...found, ...version }) })
  expect(said).toMatch(/>=1\.29\.0-0 which is incompatible with Kubernetes v1\.28\.9/)
})
