import type { CoreV1Event, V1Job, V1Pod } from '@kubernetes/client-node'
import { ask, type Api } from './api.ts'
import { waitsForClaims } from './pending-reason.ts'

/** What is told of something that does not begin; for a Pod that waits for claims, which itself does not know more, of the claims. */
export async function eventsOf(
  { core }: Api,
  namespace: string,
  stuck: V1Pod | V1Job,
): Promise<CoreV1Event[]> {
  const { name, uid } = stuck.metadata ?? {}
  const list = async (fieldSelector: string) => {
    const what = `the events of ${name} cannot be listed`
    return (await ask(what, core.listNamespacedEvent({ namespace, fieldSelector }))).items
  }
  if (!waitsForClaims(stuck)) return list(`involvedObject.uid=${uid}`)
  const claims = claimsOf(stuck)
  const all = await list('involvedObject.kind=PersistentVolumeClaim')
  return all.filter(({ involvedObject }) => claims.includes(involvedObject.name ?? ''))
}

const claimsOf = ({ spec }: V1Pod): string[] =>
  spec?.volumes?.flatMap(({ persistentVolumeClaim: claim }) => claim?.claimName ?? []) ?? []
