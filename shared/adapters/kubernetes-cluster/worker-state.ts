import type {
  CoreV1Event,
  V1ContainerStateTerminated,
  V1ContainerStatus,
  V1Job,
  V1Pod,
} from '@kubernetes/client-node'
import { unstartableCode } from '#shared/domain/run-exits.ts'
import type { WorkerState } from '#shared/ports/cluster.ts'
import { containers } from './job.ts'
import { aboutOf } from './labels.ts'
import { measuresFrom } from './measures.ts'
import { pendingReason } from './pending-reason.ts'
import { isQueued } from './remedies.ts'
import { verdictOf } from './verdict.ts'

/** A Job as it was found, with its Pods, and with the events of both while none has begun. */
export type Found = { job: V1Job; pods: V1Pod[]; events: CoreV1Event[]; at: Date }

/** What is true of a worker. */
export function stateOf({ job, pods, events, at }: Found): WorkerState {
  const pod = newest(pods)
  if (job.spec?.suspend && !pod) return { phase: 'suspended' }
  const { main, check, log } = statusesOf(pod)
  const terminated = main?.state?.terminated
  const startedAt = timeOf(main?.state?.running?.startedAt ?? terminated?.startedAt)
  const endedAt = timeOf(terminated?.finishedAt)
  const image = digestOf(main)
  const known = { ...(image && { image }) }

  if (has(job, 'Complete') || pod?.status?.phase === 'Succeeded') {
    const end = endedAt ?? timeOf(job.status?.completionTime) ?? at
    const start = startedAt ?? timeOf(job.status?.startTime) ?? end
    const measures = measuresFrom(log?.state?.terminated?.message)
    return { phase: 'succeeded', startedAt: start, endedAt: end, ...known, ...measures }
  }
  const verdict = verdictOf({ job, pod, main, check })
  if (verdict) {
    const { cause, message, exitCode = unstartableCode } = verdict
    const end = endedAt ?? endOf(check?.state?.terminated) ?? failedAt(job) ?? at
    const began = startedAt && { startedAt }
    return { phase: 'failed', ...began, endedAt: end, exitCode, message, cause, ...known }
  }
  if (startedAt) return { phase: 'running', startedAt, ...known }
  const reason = pendingReason(pod, events, aboutOf('worker', job.metadata?.labels)['plan'])
  if (!reason) return { phase: 'pending' }
  return { phase: 'pending', reason, ...(isQueued(reason) && { queued: true }) }
}

function newest(pods: V1Pod[]): V1Pod | undefined {
  const madeAt = ({ metadata }: V1Pod) => metadata?.creationTimestamp?.getTime() ?? 0
  return pods.toSorted((a, b) => madeAt(b) - madeAt(a))[0]
}

/** The status of each container that counts. */
function statusesOf(pod: V1Pod | undefined) {
  const { initContainerStatuses = [], containerStatuses = [] } = pod?.status ?? {}
  const called = (wanted: string): V1ContainerStatus | undefined =>
    [...initContainerStatuses, ...containerStatuses].find(({ name }) => name === wanted)
  return {
    main: called(containers.main),
    check: called(containers.check),
    log: called(containers.log),
  }
}

/** What has never been is given the time 0. */
const timeOf = (time: Date | undefined): Date | undefined =>
  time && time.getTime() > 0 ? time : undefined

const endOf = (state: V1ContainerStateTerminated | undefined) => timeOf(state?.finishedAt)

const has = (job: V1Job, wanted: string): boolean => conditionOf(job, wanted) !== undefined

const failedAt = (job: V1Job) => timeOf(conditionOf(job, 'Failed')?.lastTransitionTime)

const conditionOf = (job: V1Job, wanted: string) =>
  job.status?.conditions?.find(({ type, status }) => type === wanted && status === 'True')

/** Which image it was, to the byte. */
const digestOf = (status: V1ContainerStatus | undefined): string | undefined =>
  status?.imageID?.replace(/^[a-z-]+:\/\//, '') || undefined
