import { PatchStrategy, setHeaderOptions, type V1Job, type V1Pod } from '@kubernetes/client-node'
import {
  Away,
  Impossible,
  type Cluster,
  type Worker,
  type WorkerName,
  type WorkerSpec,
} from '#shared/ports/cluster.ts'
import { ask, askForAll, askIfThere, onlyMetadata, Refused, unless, type Api } from './api.ts'
import { eventsOf } from './events.ts'
import { jobOf } from './job.ts'
import { aboutOf, selectorOf } from './labels.ts'
import { pendingReason, waitsForClaims } from './pending-reason.ts'
import type { ClusterSettings } from './settings.ts'
import { stateOf } from './worker-state.ts'

type Workers = Pick<
  Cluster,
  'ensureWorker' | 'releaseWorker' | 'findWorker' | 'listWorkers' | 'deleteWorker'
>

const ownerLabel = 'batch.kubernetes.io/controller-uid'

/** Workers as Jobs. */
export function workersIn(api: Api, settings: ClusterSettings): Workers {
  const { namespace } = settings
  const jobs = jobsIn(api, namespace)

  const find = async (name: string): Promise<Worker | undefined> => {
    const job = await jobs.read(name)
    return job && look(job)
  }
  const look = async (job: V1Job): Promise<Worker> => {
    const pods = await jobs.podsOf(job)
    const about = stuck(job, pods, Date.now())
    return workerOf(job, { pods, events: about ? await eventsOf(api, namespace, about) : [] })
  }

  return {
    findWorker: find,
    async ensureWorker(spec) {
      requireAccount(spec, settings)
      const made = await unless(409, jobs.create(jobOf(spec, settings)))
      if (made) return workerOf(made, { pods: [], events: [] })
      const there = await find(spec.name)
      if (there) return there
      throw new Away(`the worker ${spec.name} was being deleted; try again`)
    },
    async releaseWorker({ name, uid }) {
      try {
        await jobs.release(name, uid)
      } catch (error) {
        // Another one, or none: only then was the patch refused rightly.
        if (!(error instanceof Refused) || (await jobs.read(name))?.metadata?.uid === uid)
          throw error
      }
    },
    listWorkers: async () => (await jobs.list()).map(nameOf),
    async deleteWorker(name, { force } = { force: false }) {
      const job = await jobs.read(name)
      if (!job) return
      const pods = await jobs.podsOf(job)
      const grace = force ? 0 : settings.workers.grace
      // Before the Job, whose Pods are given their own grace: a kubelet that has begun with that keeps to it. One that has not, as while
      // it still fetches an image, takes a shorter one.
      const toEnd = pods.filter((pod) => isUp(pod) && (force || graceOf(pod) > grace))
      for (const pod of toEnd) await jobs.endPod(pod, grace)
      // Where all has ended there is nobody to wait for. Without a Pod there may be one in a moment.
      const hasEnded = pods.length > 0 && !pods.some(isUp)
      if (force || hasEnded) await jobs.remove(job, 'Background')
      else if (!isGoing(job)) await jobs.remove(job, 'Foreground')
    },
  }
}

/** Other accounts have rights that were not meant for everybody who may write a plan. */
function requireAccount({ serviceAccount: named }: WorkerSpec, { workers }: ClusterSettings): void {
  if (named === undefined || workers.serviceAccounts.includes(named)) return
  const allowed = workers.serviceAccounts.join(', ') || 'none'
  throw new Impossible(
    `the plan names the service account ${named}, which plans may not use here; allowed: ${allowed}. Ask an admin to add it to the value workers.serviceAccounts of the chart`,
  )
}

function workerOf(job: V1Job, found: Omit<Parameters<typeof stateOf>[0], 'job' | 'at'>): Worker {
  return { ...nameOf(job), state: stateOf({ job, ...found, at: new Date() }) }
}

function nameOf({ metadata }: V1Job): WorkerName {
  const { name = '', uid = '', labels } = metadata ?? {}
  const { runid: _same, ...about } = aboutOf('worker', labels)
  return { name, uid, labels: about }
}

const isUp = ({ status }: V1Pod): boolean =>
  status?.phase !== 'Succeeded' && status?.phase !== 'Failed'

const isGoing = ({ metadata }: V1Job): boolean => metadata?.deletionTimestamp !== undefined

/** The seconds that a Pod which goes was given for that. */
const graceOf = ({ metadata }: V1Pod): number =>
  metadata?.deletionTimestamp ? (metadata.deletionGracePeriodSeconds ?? 0) : Infinity

// Pods that begin at all have mostly begun by then, or say themselves why not.
const soon = 2000

/**
 * What only events can tell of why it does not go on. Who asks for events is shown all there are in the namespace, so it is not asked
 * about what is merely on its way.
 */
export function stuck(job: V1Job, pods: readonly V1Pod[], now: number): V1Job | V1Pod | undefined {
  if (job.spec?.suspend) return undefined
  const [pod] = pods
  const isLate = (since?: Date): boolean => now - (since?.getTime() ?? now) > soon
  // Who makes Pods says only afterwards that it has begun to.
  if (!pod) return isLate(job.status?.startTime) ? job : undefined
  const isPending = pods.every(({ status }) => status?.phase === 'Pending')
  const isExplained = pendingReason(pod, []) !== undefined && !waitsForClaims(pod)
  if (!isPending || isExplained) return undefined
  return isLate(pod.metadata?.creationTimestamp) ? pod : undefined
}

/** What we ask the API server about Jobs. */
function jobsIn({ batch, core }: Api, namespace: string) {
  return {
    create: async (body: V1Job) => {
      const what = `the worker ${body.metadata?.name} cannot be made`
      try {
        return await ask(what, batch.createNamespacedJob({ namespace, body }))
      } catch (error) {
        // What is no valid Job now, will not be one later.
        if (error instanceof Refused && [400, 422].includes(error.status))
          throw new Impossible(error.message, { cause: error })
        throw error
      }
    },
    read: (name: string) =>
      askIfThere(
        `the worker ${name} cannot be looked up`,
        batch.readNamespacedJob({ namespace, name }),
      ),
    /** Their names alone. */
    list: () =>
      askForAll<V1Job>('the workers cannot be listed', (page) =>
        batch.listNamespacedJob(
          { namespace, labelSelector: selectorOf('worker'), ...page },
          onlyMetadata,
        ),
      ),
    podsOf: ({ metadata }: V1Job) =>
      askForAll<V1Pod>('Pods cannot be listed', (page) =>
        core.listNamespacedPod({
          namespace,
          labelSelector: `${ownerLabel}=${metadata?.uid}`,
          ...page,
        }),
      ),
    release: (name: string, uid: string) =>
      ask(
        `the worker ${name} cannot be released`,
        batch.patchNamespacedJob(
          {
            namespace,
            name,
            body: [
              { op: 'test', path: '/metadata/uid', value: uid },
              { op: 'replace', path: '/spec/suspend', value: false },
            ],
          },
          setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
        ),
      ),
    /** `Foreground` keeps it until its Pods are gone. */
    remove: ({ metadata }: V1Job, propagationPolicy: 'Foreground' | 'Background') => {
      const { name = '', uid } = metadata ?? {}
      const body = { propagationPolicy, preconditions: { uid } }
      return unless(
        [404, 409],
        ask(
          `the worker ${name} cannot be deleted`,
          batch.deleteNamespacedJob({ namespace, name, body }),
        ),
      )
    },
    endPod({ metadata }: V1Pod, gracePeriodSeconds: number) {
      const { name = '', uid } = metadata ?? {}
      const body = { gracePeriodSeconds, preconditions: { uid } }
      return unless(
        [404, 409],
        ask(
          `the Pod ${name} cannot be deleted`,
          core.deleteNamespacedPod({ namespace, name, body }),
        ),
      )
    },
  }
}
