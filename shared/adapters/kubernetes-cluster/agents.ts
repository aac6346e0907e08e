import type { V1Pod } from '@kubernetes/client-node'
import http, { type IncomingMessage } from 'node:http'
import { finished, type Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { ArchiveError, type ArchiveErrorCode } from '#shared/archive/archive-error.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import { signCall } from './agent-identity.ts'
import { aboutAgents, agentName, agentPod, type Mode } from './agent-pod.ts'
import { agentPort } from './agent-variables.ts'
import { ask, askForAll, askIfThere, unless, type Api } from './api.ts'
import { findClaim } from './find-claim.ts'
import { selectorOf } from './labels.ts'
import { pendingReason } from './pending-reason.ts'
import type { ClusterSettings } from './settings.ts'

export type AgentCall = { method?: 'GET' | 'PUT'; path: string; body?: Readable }

/** Calls the agent of a volume, which is started unless it lives. Throws `NoSuchVolume`, and `ArchiveError` where the agent did. */
export type CallAgent = (volume: string, mode: Mode, call: AgentCall) => Promise<IncomingMessage>

// Nodes that have our image start an agent in a second or two; others fetch it first.
const patience = 120_000
const lookAgain = 100

export function agentsIn(api: Api, settings: ClusterSettings): CallAgent {
  return async (volume, mode, call) => {
    const host = await readyAgent(api, settings, volume, mode)
    const token = await signCall(volume, settings.signingKey)
    const answer = await request(host, token, call)
    if (answer.statusCode === 200) return answer
    throw await failureIn(answer, volume)
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
    if (host && (await answers(host, await signCall(volume, settings.signingKey)))) return host
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

async function answers(host: string, token: string): Promise<boolean> {
  try {
    const { statusCode } = (await request(host, token, { path: '/ready' })).resume()
    return statusCode === 200
  } catch {
    return false
  }
}

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

/** Resolves with the answer, which may come before all of the body was sent: then the rest is not wanted. */
function request(
  host: string,
  token: string,
  { method = 'GET', path, body }: AgentCall,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const asked = http.request({ host, port: agentPort, path, method, headers })
    asked.once('error', reject)
    asked.once('response', (answer) => {
      body?.unpipe(asked)
      resolve(answer)
    })
    if (!body) {
      asked.end()
      return
    }
    finished(body, { writable: false }, (error) => error && asked.destroy(error))
    body.pipe(asked)
  })
}

type Complaint = { code?: ArchiveErrorCode; message?: string }

async function failureIn(answer: IncomingMessage, volume: string): Promise<Error> {
  const { code, message = `status ${answer.statusCode}` } = (await json(answer)) as Complaint
  answer.destroy()
  return code
    ? new ArchiveError(code, message)
    : new Error(`the agent of the volume ${volume} failed: ${message}`)
}
