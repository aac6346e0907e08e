import { BatchV1Api, makeInformer, type CoreV1Api, type V1Job } from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { agentFolders } from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { sharedAgent } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import { volumeFor } from '#shared/adapters/kubernetes-cluster/pod-parts.ts'
import { selectorOf } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { asked } from '../asked.ts'
import type { Installed } from '../installation.ts'
import { run } from '../phase.ts'

/** Who of the workers was let begin: by name, each that had it, which are told apart by their uid. */
export type Released = { byName: ReadonlyMap<string, ReadonlySet<string>>; stop(): Promise<void> }

/** Follows the Jobs of a namespace, also across an API server that is away for a while. */
export async function followReleased({ namespace }: Installed): Promise<Released> {
  const config = testConfig()
  const batch = config.makeApiClient(BatchV1Api)
  const labelSelector = selectorOf('worker')
  const byName = new Map<string, Set<string>>()
  const informer = makeInformer(
    config,
    `/apis/batch/v1/namespaces/${namespace}/jobs`,
    () => batch.listNamespacedJob({ namespace, labelSelector }),
    labelSelector,
  )
  const note = ({ metadata, spec }: V1Job) => {
    const { name = '', uid = '' } = metadata ?? {}
    if (!spec?.suspend) byName.set(name, (byName.get(name) ?? new Set()).add(uid))
  }
  informer.on('add', note)
  informer.on('update', note)
  informer.on('delete', note)
  let isOver = false
  informer.on('error', () => void (isOver || asked(async () => (await informer.start(), true))))
  await informer.start()
  return {
    byName,
    async stop() {
      isOver = true
      await informer.stop()
    },
  }
}

/** The Jobs there are for runs of a plan. */
export async function jobsOf({ namespace }: Installed, runIds: readonly string[]) {
  const batch = testConfig().makeApiClient(BatchV1Api)
  const labelSelector = selectorOf('worker')
  const { items } = await batch.listNamespacedJob({ namespace, labelSelector })
  const names = items.map(({ metadata }) => metadata?.name ?? '')
  return names.filter((name) => runIds.some((id) => name.includes(id)))
}

/** What is in the file `text` of each volume, line by line. */
export async function linesIn(
  core: CoreV1Api,
  there: Installed,
  volumes: readonly string[],
): Promise<Map<string, string[]>> {
  const read = there.layout === 'shared' ? readByAgent : readByPod
  const lines = new Map<string, string[]>(volumes.map((volume) => [volume, []]))
  for (const line of (await read(core, there, volumes)).split('\n').filter(Boolean)) {
    const [volume = '', text = ''] = line.split(' ')
    lines.get(volume)?.push(text)
  }
  return lines
}

/** As one Pod sees them that has all of them mounted. */
async function readByPod(
  core: CoreV1Api,
  { namespace, images }: Installed,
  volumes: readonly string[],
): Promise<string> {
  const name = `reader-${randomUUID()}`
  const container = {
    name: 'main',
    image: images.tools,
    command: ['sh', '-c', 'for volume in *; do sed "s,^,$volume ," "$volume/text"; done'],
    workingDir: '/all',
    volumeMounts: volumes.map((volume) => ({ name: volume, mountPath: `/all/${volume}` })),
  }
  const spec = {
    restartPolicy: 'Never',
    containers: [container],
    volumes: volumes.map(volumeFor),
  }
  await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec } })
  const phase = await asked(async () => {
    const { status } = await core.readNamespacedPod({ namespace, name })
    return ['Succeeded', 'Failed'].find((end) => end === status?.phase)
  })
  const printed = await core.readNamespacedPodLog({ namespace, name })
  await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 })
  if (phase === 'Failed') throw new Error(`what was written could not be read: ${printed}`)
  return printed
}

const reader = `
  const [folder, ...volumes] = process.argv.slice(1)
  for (const volume of volumes)
    for (const line of fs.readFileSync(folder + '/' + volume + '/text', 'utf8').split('\\n').filter(Boolean))
      console.log(volume, line)`

/** As the agent sees them, which has all Data. */
const readByAgent = (_core: CoreV1Api, { namespace }: Installed, volumes: readonly string[]) => {
  const exec = ['kubectl', '-n', namespace, 'exec', `deployment/${sharedAgent}`, '--']
  return run([...exec, '/usr/local/bin/node', '-e', reader, agentFolders.volumes, ...volumes])
}
