import type { V1PersistentVolumeClaim } from '@kubernetes/client-node'
import { askIfThere, type Api } from './api.ts'

/** The claim of a volume; undefined when there is none, or when it is being deleted. */
export async function findClaim(
  { core }: Api,
  namespace: string,
  name: string,
): Promise<V1PersistentVolumeClaim | undefined> {
  const what = `the volume ${name} cannot be looked up`
  const claim = await askIfThere(
    what,
    core.readNamespacedPersistentVolumeClaim({ namespace, name }),
  )
  return claim?.metadata?.deletionTimestamp ? undefined : claim
}
