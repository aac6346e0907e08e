import type { V1Pod } from '@kubernetes/client-node'
import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import { callAgent, type AgentCall } from './agent-call.ts'
import { aboutAgents, agentName, agentPod, type Mode } from './agent-pod.ts'
import { agentPort } from './agent-variables.ts'
import { ask, askForAll, askIfThere, unless, type Api } from './api.ts'
import { findClaim } from './find-claim.ts'
import { selectorOf } from './labels.ts'
import { pendingReason } from './pending-reason.ts'
import type { ClusterSettings } from './settings.ts'

/** Calls the agent of a volume, which is started unless it lives. */
export type CallVolume = (volume: string, mode: Mode, call: AgentCall) => Promise<IncomingMessage>

// Nodes that have our image start an agent in a second or two; others fetch it first.
const patience = 120_000
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

/** Removes the agents that have ended. */
export async function removeEndedAgents(api: Api, namespace: string): Promise<void> {
  for (const agent of await listAgents(api, namespace))
    if (isOver(agent)) await removeAgent(api, namespace, agent)
}

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
  const end = Date.now() + patience
  for (;;) {
    const pod = await ensureAgent(api, settings, volume, mode)
    const host = pod?.status?.phase === 'Running' ? pod.status.podIP : undefined
    const address = host && `http://${host.includes(':') ? `[${host}]` : host}:${agentPort}`
    if (address && (await answers(address, settings.signingKey, volume))) return address
    if (Date.now() > end) throw await neverReady(api, settings.namespace, volume, pod)
    await pause(lookAgain)
  }
}

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
  return unless(409, ask(what, api.core.createNamespacedPod({ namespace, body })))
}

const answers = (...about: [address: string, signingKey: string, volume: string]) =>
  callAgent(...about).then(
    (answer) => Boolean(answer.resume()),
    () => false,
  )

async function neverReady(
  api: Api,
  namespace: string,
  volume: string,
  pod: V1Pod | undefined,
): Promise<Error> {
  const what = `the agent of the volume ${volume} was not ready within ${patience / 1000} s`
  const fieldSelector = `involvedObject.uid=${pod?.metadata?.uid}`
  const { items } = await ask(what, api.core.listNamespacedEvent({ namespace, fieldSelector }))
  return new Error(`${what}: ${pendingReason(pod, items) ?? 'it does not answer'}`)
}
