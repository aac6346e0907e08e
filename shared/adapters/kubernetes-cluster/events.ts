import type { CoreV1Event, V1Job, V1Pod } from '@kubernetes/client-node'
import { ask, type Api } from './api.ts'
import { waitsForClaims } from './pending-reason.ts'

// What Pods, Jobs and claims go through that are well.
const ordinary = [
  'Scheduled',
  'Pulled',
  'Created',
  'Started',
  'Killing',
  'Completed',
  'Suspended',
  'Resumed',
  'SuccessfulCreate',
  'Provisioning',
  'ExternalProvisioning',
  'ProvisioningSucceeded',
  'WaitForFirstConsumer',
]
const fieldSelector = ordinary.map((reason) => `reason!=${reason}`).join(',')

// How many times as long as an answer takes the API server it is not asked again.
const rest = 10

type Told = { events: Promise<CoreV1Event[]>; until: number }
// By client, each of which is for one namespace.
const lastTold = new WeakMap<Api, Told>()

/** What is told of something that does not begin; for a Pod that waits for claims, which itself does not know more, of the claims. */
export async function eventsOf(
  api: Api,
  namespace: string,
  stuck: V1Pod | V1Job,
): Promise<CoreV1Event[]> {
  const all = await allEvents(api, namespace)
  if (!waitsForClaims(stuck))
    return all.filter(({ involvedObject }) => involvedObject.uid === stuck.metadata?.uid)
  const claims = claimsOf(stuck)
  return all.filter(
    ({ involvedObject: { kind, name = '' } }) =>
      kind === 'PersistentVolumeClaim' && claims.includes(name),
  )
}

/**
 * Whatever is asked for, the API server reads all events of the namespace. So all who ask at a time share an answer, and the more there is
 * to read, the older an answer may be.
 */
function allEvents(api: Api, namespace: string): Promise<CoreV1Event[]> {
  const last = lastTold.get(api)
  if (last && performance.now() < last.until) return last.events
  const began = performance.now()
  const told: Told = { events: list(api, namespace), until: Infinity }
  lastTold.set(api, told)
  told.events.then(
    () => {
      const now = performance.now()
      told.until = now + rest * (now - began)
    },
    () => lastTold.delete(api),
  )
  return told.events
}

async function list({ core }: Api, namespace: string): Promise<CoreV1Event[]> {
  const what = `the events of the namespace ${namespace} cannot be listed`
  return (await ask(what, core.listNamespacedEvent({ namespace, fieldSelector }))).items
}

const claimsOf = ({ spec }: V1Pod): string[] =>
  spec?.volumes?.flatMap(({ persistentVolumeClaim: claim }) => claim?.claimName ?? []) ?? []
