import type { V1Pod } from '@kubernetes/client-node'
import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { Away, NoSuchVolume, Unreachable } from '#shared/ports/cluster.ts'
import { callAgent, Stranger, type AgentCall } from './agent-call.ts'
import { aboutAgents, agentName, agentPod, type Mode } from './agent-pod.ts'
import { agentPort } from './agent-variables.ts'
import { ask, askForAll, askIfThere, orUnreachable, unless, type Api } from './api.ts'
import { findClaim } from './find-claim.ts'
import { selectorOf } from './labels.ts'
import { eventsOf } from './events.ts'
import { hindrance, isSaidToWaitForClaims, pendingReason } from './pending-reason.ts'
import type { ClusterSettings } from './settings.ts'

/** Calls the agent of a volume, which is started unless it lives. */
export type CallVolume = (volume: string, mode: Mode, call: AgentCall) => Promise<IncomingMessage>

// Nodes that have our image start an agent in a second or two; others fetch it first.
const patience = 120_000
// What begins at all has mostly begun by then. Who asks for events is shown all there are in the namespace, so it is not asked for ever so often.
const soon = 2000
const askAgain = 1000
// What stands in the way for so long does not go by itself.
const hindered = 8000
// A claim that was filled so long ago makes no scheduler wait any more, unless it has missed that.
const overlooked = 4000
// Nobody waits for one that has not begun by then.
const longestWait = 5 * 60_000
const lookAgain = 100

export function agentsIn(api: Api, settings: ClusterSettings): CallVolume {
  return async (volume, mode, call) => {
    const address = await readyAgent(api, settings, volume, mode)
    return callAgent(address, settings.signingKey, volume, call)
  }
}

/** Ends the agents of a volume at once: what they read or write is not needed any more. */
export async function removeAgents(api: Api, namespace: string, volume: string): Promise<void> {
  for (const agent of await listAgents(api, namespace, aboutAgents(volume)))
    await removeAgent(api, namespace, agent)
}

/** Removes the agents that have ended, and those that have not begun for so long that nobody waits for them any more. */
export async function removeEndedAgents(api: Api, namespace: string): Promise<void> {
  for (const agent of await listAgents(api, namespace))
    if (isOver(agent) || isStuck(agent)) await removeAgent(api, namespace, agent)
}

const isStuck = ({ status, metadata }: V1Pod): boolean =>
  status?.phase === 'Pending' &&
  Date.now() - (metadata?.creationTimestamp?.getTime() ?? Infinity) > longestWait

const isOver = ({ status }: V1Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed'

function listAgents({ core }: Api, namespace: string, about?: Record<string, string>) {
  const labelSelector = selectorOf('dataagt', about)
  return askForAll<V1Pod>('agents cannot be listed', (page) =>
    core.listNamespacedPod({ namespace, labelSelector, ...page }),
  )
}

async function removeAgent({ core }: Api, namespace: string, { metadata }: V1Pod): Promise<void> {
  const { name = '', uid } = metadata ?? {}
  const body = { gracePeriodSeconds: 0, preconditions: { uid } }
  const what = `the agent ${name} cannot be ended`
  await unless([404, 409], ask(what, core.deleteNamespacedPod({ namespace, name, body })))
}

/** The address of an agent that has just answered, so that it will not end before it is called. */
async function readyAgent(
  api: Api,
  settings: ClusterSettings,
  volume: string,
  mode: Mode,
): Promise<string> {
  const { namespace, signingKey } = settings
  const begun = Date.now()
  let [freeAt, seenAt, askedAt] = [begun, begun, begun]
  for (;;) {
    const pod = await ensureAgent(api, settings, volume, mode)
    const host = pod?.status?.phase === 'Running' ? pod.status.podIP : undefined
    const address = host && `http://${host.includes(':') ? `[${host}]` : host}:${agentPort}`
    const answer = address && (await answerOf(address, signingKey, volume))
    if (answer === 'ready') return address as string
    if (pod && answer === 'foreign') await removeAgent(api, namespace, pod)
    const waited = Date.now() - begun
    if (!pod || waited < soon) freeAt = seenAt = Date.now()
    else if (Date.now() - askedAt >= askAgain) {
      askedAt = Date.now()
      const lack = await lackOf(api, namespace, volume, pod)
      if (lack !== 'a cure') freeAt = Date.now()
      if (lack !== 'attention') seenAt = Date.now()
      if (Date.now() - seenAt > overlooked) {
        await removeAgent(api, namespace, pod)
        seenAt = Date.now()
      }
    }
    if (Date.now() - freeAt > hindered || waited > patience)
      throw await neverReady(api, namespace, volume, pod)
    await pause(slower(waited))
  }
}

/** One that is not there after some seconds is looked at less and less often. */
const slower = (waited: number): number => Math.min(Math.max(lookAgain, waited / 20), 1000)

/** The Pod of an agent; undefined when one that has ended was in its place, and is being removed. */
async function ensureAgent(
  api: Api,
  settings: ClusterSettings,
  volume: string,
  mode: Mode,
): Promise<V1Pod | undefined> {
  const { namespace } = settings
  const name = agentName(volume, mode)
  const there = await askIfThere(
    `the agent of ${volume} cannot be looked up`,
    api.core.readNamespacedPod({ namespace, name }),
  )
  if (!there) return startAgent(api, settings, volume, mode)
  if (!isOver(there) && !there.metadata?.deletionTimestamp) return there
  await removeAgent(api, namespace, there)
  return undefined
}

async function startAgent(
  api: Api,
  settings: ClusterSettings,
  volume: string,
  mode: Mode,
): Promise<V1Pod | undefined> {
  const { namespace } = settings
  const claim = await findClaim(api, namespace, volume)
  if (!claim) throw new NoSuchVolume(`there is no volume ${volume}`)
  const body = agentPod({ name: volume, uid: claim.metadata?.uid ?? '' }, mode, settings)
  const what = `the agent of ${volume} cannot be started`
  const starting = api.core.createNamespacedPod({ namespace, body })
  return orUnreachable(unless(409, ask(what, starting)))
}

/** What an agent is to us; `foreign` is one with another key, such as that of a release before. */
async function answerOf(
  ...about: [address: string, signingKey: string, volume: string]
): Promise<'ready' | 'foreign' | 'away'> {
  try {
    const answer = await callAgent(...about)
    answer.resume()
    return 'ready'
  } catch (error) {
    return error instanceof Stranger ? 'foreign' : 'away'
  }
}

/**
 * What an agent that has not begun lacks: what it waits for will not come; or it waits for a claim that is there. A scheduler that has
 * missed how that was filled looks at the Pod again after five minutes, and at a new one at once. Undefined when it may be about to begin.
 */
async function lackOf(
  api: Api,
  namespace: string,
  volume: string,
  pod: V1Pod,
): Promise<'a cure' | 'attention' | undefined> {
  if (hindrance(pod, []) !== undefined) return 'a cure'
  if (pod.status?.phase !== 'Pending') return undefined
  const events = await eventsOf(api, namespace, pod)
  if (hindrance(pod, events) !== undefined) return 'a cure'
  if (!isSaidToWaitForClaims(pod, events)) return undefined
  const claim = await findClaim(api, namespace, volume)
  return claim?.status?.phase === 'Bound' ? 'attention' : undefined
}

async function neverReady(
  api: Api,
  namespace: string,
  volume: string,
  pod: V1Pod | undefined,
): Promise<Error> {
  const events = pod ? await eventsOf(api, namespace, pod) : []
  const why = pendingReason(pod, events)
  if (why) return new Unreachable(`nothing gets at the volume ${volume}: ${why}`)
  return new Away(`the agent of the volume ${volume} does not answer`)
}
