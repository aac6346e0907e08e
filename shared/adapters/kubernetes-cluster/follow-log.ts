import type { V1Pod } from '@kubernetes/client-node'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, askIfThere, type Api } from './api.ts'
import { containers } from './job.ts'
import { LogForbidden, openPodLog } from './pod-log.ts'
import { beginning, printed, type Place } from './printed.ts'
import type { Volumes } from './volumes.ts'

export type FollowOptions = {
  namespace: string
  worker: string
  volume: string
  signal: AbortSignal
  /** Where it is kept, for when the worker has gone. */
  volumes: Pick<Volumes, 'requireVolume' | 'readLog'>
}

// Milliseconds between two looks: at first, and at last.
const soonest = 100
const latest = 2000
// So often the log of a program that has ended is asked for.
const lastTries = 10

/** What a worker prints, asked of the API server while its Pod is there, by whatever lines that takes. */
export async function followLog(api: Api, options: FollowOptions): Promise<Readable> {
  await options.volumes.requireVolume(options.volume)
  return Readable.from(pieces(api, options), { objectMode: false })
}

async function* pieces(api: Api, options: FollowOptions): AsyncGenerator<Buffer> {
  const { signal } = options
  const sent: Sent = { bytes: 0, place: beginning }
  let tries = 0
  for (let wait = soonest; ; wait = Math.min(2 * wait, latest)) {
    try {
      const pod = await podOf(api, options)
      const isLast = !pod || hasEnded(pod)
      const log = await logOf(api, pod, options)
      if (log) yield* pod ? rest(log, sent) : keptRest(log, sent)
      if (log && isLast) return
    } catch (error) {
      tries += 1
      if (signal.aborted) return
      if (error instanceof LogForbidden || tries >= lastTries) throw error
    }
    await pause(wait, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
  }
}

type Sent = { bytes: number; place: Place }

/** What was printed since what was sent. */
async function* rest(log: Readable, sent: Sent): AsyncGenerator<Buffer> {
  for await (const { bytes, place } of printed(log, sent.place)) {
    yield bytes
    sent.bytes += bytes.length
    sent.place = place
  }
}

/** What is kept, which bears no stamps, behind what was sent. */
async function* keptRest(log: Readable, sent: Sent): AsyncGenerator<Buffer> {
  let position = 0
  for await (const piece of log as AsyncIterable<Buffer>) {
    const fresh = piece.subarray(Math.max(0, sent.bytes - position))
    position += piece.length
    if (fresh.length === 0) continue
    sent.bytes += fresh.length
    yield fresh
  }
}

/** The Pod of a worker, once its program has begun or never will; undefined when there is no worker. */
async function podOf(
  api: Api,
  { namespace, worker, signal }: FollowOptions,
): Promise<V1Pod | undefined> {
  const labelSelector = `batch.kubernetes.io/job-name=${worker}`
  const what = `the worker ${worker} cannot be looked up`
  for (let wait = soonest; ; wait = Math.min(2 * wait, latest)) {
    const { items } = await ask(what, api.core.listNamespacedPod({ namespace, labelSelector }))
    const pod = items.find(hasBegun)
    if (pod) return pod
    if (!items[0]) {
      const job = await askIfThere(what, api.batch.readNamespacedJob({ namespace, name: worker }))
      if (!job || job.status?.conditions?.some(isOver)) return undefined
    }
    await pause(wait, undefined, { signal })
  }
}

const isOver = ({ type, status }: { type: string; status: string }) =>
  status === 'True' && (type === 'Complete' || type === 'Failed')

const hasBegun = (pod: V1Pod): boolean => hasEnded(pod) || Boolean(stateOf(pod)?.running)

const hasEnded = (pod: V1Pod): boolean =>
  pod.status?.phase === 'Succeeded' ||
  pod.status?.phase === 'Failed' ||
  Boolean(stateOf(pod)?.terminated)

const stateOf = ({ status }: V1Pod) =>
  status?.containerStatuses?.find(({ name }) => name === containers.main)?.state

/** The log as it is now, and as it goes on; that which is kept when the Pod has gone. */
async function logOf(
  api: Api,
  pod: V1Pod | undefined,
  { namespace, signal, volume, volumes }: FollowOptions,
): Promise<Readable | undefined> {
  if (!pod) return volumes.readLog(volume)
  return openPodLog({
    server: api.server,
    namespace,
    pod: pod.metadata?.name ?? '',
    container: containers.main,
    options: await api.credentials(),
    signal,
  })
}
