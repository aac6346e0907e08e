import { expect } from 'vitest'
import { labelsFor } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { installed } from '../installation.ts'
import { test, type There } from './cluster.ts'
import { render, type Manifest } from './helm.ts'

const ofProgram = labelsFor('worker', 'worker-run-1', { run: '1' })
const ofAgent = labelsFor('dataagt', 'agent-data', { mode: 'ro' })
const ofChart = { 'app.kubernetes.io/part-of': 'knit', 'app.kubernetes.io/managed-by': 'Helm' }

const waiting = (image: string) => ({
  restartPolicy: 'Never',
  terminationGracePeriodSeconds: 3600,
  containers: [{ name: 'main', image, command: ['sleep', '3600'] }],
})
const claim = (name: string, labels: object) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, labels },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
})

/** What functions have made, what the chart has left, and what is somebody else's. */
const left = (image: string) => [
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'worker-run-1', labels: ofProgram },
    spec: { template: { metadata: { labels: ofProgram }, spec: waiting(image) } },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'agent-data', labels: ofAgent },
    spec: waiting(image),
  },
  { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'theirs' }, spec: waiting(image) },
  claim('data-knitid-1', labelsFor('data', 'data-knitid-1', {})),
  claim('data-postgres-0', ofChart),
  claim('theirs', {}),
]

const isOfUninstall = ({ metadata }: Manifest) =>
  metadata.labels?.['app.kubernetes.io/component'] === 'uninstall'

/** Does what helm does once a release is gone. */
function leave(there: There, deleteData: boolean): void {
  const { knitfab, tools } = installed().images
  const [repository, digest = ''] = knitfab.split('@')
  there.must(['apply', '--filename', '-'], left(tools))
  const values = {
    image: { repository, digest },
    settings: { workerGrace: 1 },
    uninstall: { deleteData },
  }
  const at = { release: 'knitfab', namespace: there.namespace }
  there.must(['apply', '--filename', '-'], render(values, [], at).filter(isOfUninstall))
  there.must(['wait', 'job/uninstall', '--for=condition=complete', '--timeout=60s'])
}

const waitUntilGone = (there: There, ...names: string[]) => {
  for (const name of names) there.must(['wait', name, '--for=delete', '--timeout=60s'])
}

/** What there is, but for what shows that the Job ran. */
const namesIn = (there: There): string[] =>
  there
    .must(['get', 'pod,job,pvc', '--output', 'name'])
    .split('\n')
    .filter((name) => name && !/\/(worker-run-1-|uninstall)/.test(name))
    .toSorted()

const theirs = ['persistentvolumeclaim/theirs', 'pod/theirs']
const kept = ['persistentvolumeclaim/data-knitid-1', 'persistentvolumeclaim/data-postgres-0']

test('when the release is gone programs and agents are ended, and Data and database stay', ({
  there,
}) => {
  leave(there, false)
  waitUntilGone(there, 'pod/agent-data', 'job.batch/worker-run-1')
  expect(namesIn(there)).toEqual([...theirs, ...kept].toSorted())
})

test('where the values say so, Data and database go as well, and nothing of anybody else', ({
  there,
}) => {
  leave(there, true)
  waitUntilGone(there, 'pod/agent-data', 'job.batch/worker-run-1', 'pvc/data-knitid-1')
  expect(namesIn(there)).toEqual(theirs.toSorted())
})

test('while the release is there nothing is ended and nothing deleted, whoever runs the Job', ({
  there,
}) => {
  there.must(['create', 'configmap', 'knitfab-settings'])
  leave(there, true)
  expect(there.must(['logs', 'job/uninstall'])).toContain('nothing was ended, and nothing deleted')
  expect(namesIn(there)).toEqual(
    [...theirs, ...kept, 'job.batch/worker-run-1', 'pod/agent-data'].toSorted(),
  )
})
