import type { V1Pod } from '@kubernetes/client-node'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, askIfThere, type Api } from './api.ts'
import { containers } from './job.ts'
import { openPodLog } from './pod-log.ts'
import type { Volumes } from './volumes.ts'

export type FollowOptions = {
  namespace: string
  worker: string
  volume: string
  signal: AbortSignal
  /** Where it is kept, for when the worker has gone. */
  volumes: Pick<Volumes, 'requireVolume' | 'readLog'>
}

const lookAgain = 250

/** What a worker prints, asked of the API server while its Pod is there. */
export async function followLog(api: Api, options: FollowOptions): Promise<Readable> {
  await options.volumes.requireVolume(options.volume)
  return Readable.from(pieces(api, options), { objectMode: false })
}

async function* pieces(api: Api, options: FollowOptions): AsyncGenerator<Buffer> {
  const { signal, volumes, volume } = options
  try {
    const pod = await podOf(api, options)
    const log = pod ? await logOf(api, pod, options) : await volumes.readLog(volume)
    if (log) yield* log
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** The Pod of a worker, once its program has begun or never will; undefined when there is no worker. */
async function podOf(
  api: Api,
  { namespace, worker, signal }: FollowOptions,
): Promise<V1Pod | undefined> {
  const labelSelector = `batch.kubernetes.io/job-name=${worker}`
  const what = `the worker ${worker} cannot be looked up`
  for (;;) {
    const { items } = await ask(what, api.core.listNamespacedPod({ namespace, labelSelector }))
    const pod = items.find(hasBegun)
    if (pod) return pod
    if (!items[0]) {
      const job = await askIfThere(what, api.batch.readNamespacedJob({ namespace, name: worker }))
      if (!job || job.status?.conditions?.some(isOver)) return undefined
    }
    await pause(lookAgain, undefined, { signal })
  }
}

const isOver = ({ type, status }: { type: string; status: string }) =>
  status === 'True' && (type === 'Complete' || type === 'Failed')

function hasBegun({ status }: V1Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true
  const main = status?.containerStatuses?.find(({ name }) => name === containers.main)
  return Boolean(main?.state?.running ?? main?.state?.terminated)
}

const logOf = async (api: Api, { metadata }: V1Pod, { namespace, signal }: FollowOptions) =>
  openPodLog({
    server: api.server,
    namespace,
    pod: metadata?.name ?? '',
    container: containers.main,
    options: await api.credentials(),
    signal,
  })
