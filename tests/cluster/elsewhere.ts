import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import { pack } from '#shared/archive/pack.ts'
import type { Cluster, Transfers } from '#shared/ports/cluster.ts'
import {
  openNamespace,
  type TestKubernetes,
  type TestNamespace,
} from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'

/** Does some work in a namespace of its own, with other settings than the usual. */
export async function elsewhere<T>(
  there: TestKubernetes,
  more: Partial<ClusterSettings>,
  work: (other: TestNamespace) => Promise<T>,
): Promise<T> {
  const other = await openNamespace(there, more)
  try {
    return await work(other)
  } finally {
    await other.close()
  }
}

/** Settings with a class of storage that nobody has made. */
export const noSuchClass = {
  volumes: {
    layout: 'per-data',
    storageClass: 'no-such-class',
    accessMode: 'ReadWriteMany',
    size: '1Gi',
  },
} as const

/** An image of that registry which is not there. */
export const neverMade = (image: string): string =>
  image.replace(/(:[^/:]+)?(@.*)?$/, '-that-nobody-made:1')

/** Limits what a namespace may have, once that is in force: a quota whose use is not known yet lets everything through. */
export async function limit(
  { core, namespace }: Pick<TestNamespace, 'core' | 'namespace'>,
  hard: Record<string, string>,
): Promise<void> {
  const name = 'full'
  await core.createNamespacedResourceQuota({
    namespace,
    body: { metadata: { name }, spec: { hard } },
  })
  await until(async () => {
    const { status } = await core.readNamespacedResourceQuota({ namespace, name })
    return Object.keys(hard).every((what) => status?.used?.[what] !== undefined)
  })
}

/** A new volume with these files. */
export async function receive(
  cluster: Cluster & Transfers,
  files: Record<string, Buffer>,
  mode = 0o644,
): Promise<string> {
  const folder = mkdtempSync('/var/tmp/knit-cluster-')
  try {
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(folder, name), content, { mode })
    const volume = `data-knitid-${randomUUID()}`
    await cluster.ensureVolume({ name: volume, labels: {} })
    await cluster.receive(volume, pack(folder))
    return volume
  } finally {
    rmSync(folder, { recursive: true })
  }
}
