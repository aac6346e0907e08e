import {
  PatchStrategy,
  setHeaderOptions,
  type V1Job,
  type V1ObjectMeta,
} from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { claimOf } from '#shared/adapters/kubernetes-cluster/claim.ts'
import { jobOf } from '#shared/adapters/kubernetes-cluster/job.ts'
import type { Api } from '#shared/adapters/kubernetes-cluster/api.ts'
import type { WorkerSpec } from '#shared/domain/worker.ts'
import { waitingFor, type Bench } from './harness.ts'
import { make, type Installation } from './installation.ts'

/** Whoever wants Jobs and nothing else: the client of Kubernetes, asked directly, with the Jobs and claims that we make. */
export type BareClient = {
  makeClaim(name: string): Promise<unknown>
  /** Makes a Job, suspended. */
  makeJob(spec: WorkerSpec): Promise<unknown>
  release(name: string): Promise<unknown>
  /** Deletes a Job; its Pod goes by itself. */
  remove(name: string): Promise<unknown>
  /** Deletes all it has made, and waits until the volumes of its claims have gone as well. */
  clear(): Promise<void>
}

// What tells them from ours is looked for by our functions, who are to leave them alone.
const managedBy = 'app.kubernetes.io/managed-by'
const nobody = 'knit-bench'
const labelSelector = `${managedBy}=${nobody}`

/** A name for a Job or a claim, which none of ours has. */
export const bareName = (what: string): string => `${prefix}${what}-${randomUUID().slice(0, 13)}`

const prefix = 'bench-'

export async function bareClient(bench: Bench, there: Installation): Promise<BareClient> {
  const { kubernetes, settings } = there
  const { batch, core } = kubernetes
  const { namespace, volumes } = settings
  if (volumes.layout !== 'per-data')
    throw new Error('a bare client makes claims, one for each Data')
  // Where a network keeps to policies, who keeps the log would otherwise ask in vain, and be slow.
  await make(bench, there, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: nobody },
    spec: {
      podSelector: { matchLabels: { [managedBy]: nobody } },
      policyTypes: ['Egress'],
      egress: [{}],
    },
  })
  const client: BareClient = {
    makeClaim(name) {
      const claim = claimOf({ name, labels: {} }, volumes)
      const body = { ...claim, metadata: relabelled(claim.metadata) }
      return core.createNamespacedPersistentVolumeClaim({ namespace, body })
    },
    makeJob: (spec) =>
      batch.createNamespacedJob({ namespace, body: ofNobody(jobOf(spec, settings)) }),
    release: (name) =>
      batch.patchNamespacedJob(
        { namespace, name, body: [{ op: 'replace', path: '/spec/suspend', value: false }] },
        setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
      ),
    remove: (name) =>
      batch.deleteNamespacedJob({ namespace, name, body: { propagationPolicy: 'Background' } }),
    async clear() {
      const all = { namespace, labelSelector }
      await batch.deleteCollectionNamespacedJob({ ...all, propagationPolicy: 'Background' })
      await core.deleteCollectionNamespacedPersistentVolumeClaim(all)
      await untilReleased(core, namespace)
    },
  }
  bench.onEnd(client.clear)
  return client
}

/** Waits until no claim of ours is left, and no volume of one that is to be deleted with it. */
async function untilReleased(core: Api['core'], namespace: string): Promise<void> {
  const pause = waitingFor('claims and their volumes to be deleted')
  for (;;) {
    const claims = await core.listNamespacedPersistentVolumeClaim({ namespace, labelSelector })
    const volumes = await core.listPersistentVolume()
    const left = volumes.items.filter(
      ({ spec }) =>
        spec?.persistentVolumeReclaimPolicy === 'Delete' &&
        spec.claimRef?.namespace === namespace &&
        spec.claimRef.name?.startsWith(prefix),
    )
    if (claims.items.length + left.length === 0) return
    await pause(200, `${claims.items.length} claims and ${left.length} volumes are left`)
  }
}

function ofNobody(job: V1Job): V1Job {
  const { spec } = job
  if (!spec) return job
  const { template } = spec
  return {
    ...job,
    metadata: relabelled(job.metadata),
    spec: { ...spec, template: { ...template, metadata: relabelled(template.metadata) } },
  }
}

const relabelled = (metadata: V1ObjectMeta = {}): V1ObjectMeta => ({
  ...metadata,
  labels: { ...metadata.labels, [managedBy]: nobody },
})
