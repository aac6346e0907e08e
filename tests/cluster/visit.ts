import type { CoreV1Api } from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { volumeFor } from '#shared/adapters/kubernetes-cluster/pod-parts.ts'
import { until } from '#tests/support/until.ts'

type Visit = {
  namespace: string
  volume: string
  /** An image with a shell. */
  image: string
  line: string
}

/** Lets a Pod that is nobody's do something in a volume of ours, with a line of shell; answers what that prints. */
export async function visit(
  core: CoreV1Api,
  { namespace, volume, image, line }: Visit,
): Promise<string> {
  const name = `visitor-${randomUUID()}`
  const container = {
    name: 'main',
    image,
    command: ['sh', '-c', line],
    workingDir: '/visited',
    volumeMounts: [{ name: volume, mountPath: '/visited' }],
  }
  const spec = { restartPolicy: 'Never', containers: [container], volumes: [volumeFor(volume)] }
  await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec } })
  const phase = await until(async () => {
    const { status } = await core.readNamespacedPod({ namespace, name })
    return ['Succeeded', 'Failed'].find((end) => end === status?.phase)
  })
  const printed = await core.readNamespacedPodLog({ namespace, name })
  await core.deleteNamespacedPod({ namespace, name })
  if (phase === 'Failed') throw new Error(`${line} failed in the volume ${volume}: ${printed}`)
  return printed
}
