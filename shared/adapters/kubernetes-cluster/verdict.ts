import type {
  V1ContainerStateTerminated,
  V1ContainerStateWaiting,
  V1ContainerStatus,
  V1Job,
  V1Pod,
} from '@kubernetes/client-node'
import {
  checkImageName,
  imageIsUnavailable,
  startFailures,
  unexecutable,
  unpullable,
} from '#shared/domain/container-trouble.ts'
import type { FailureCause } from '#shared/ports/cluster.ts'
import { inWords } from './pending-reason.ts'

/** Why a worker counts as failed; its exit code where there is one that tells. */
export type Verdict = { cause: FailureCause; message: string; exitCode?: number }

type Remains = {
  job: V1Job
  pod: V1Pod | undefined
  main: V1ContainerStatus | undefined
  check: V1ContainerStatus | undefined
}

/** Why a worker has failed; undefined when it has not. */
export function verdictOf({ job, pod, main, check }: Remains): Verdict | undefined {
  const failed = job.status?.conditions?.find(
    ({ type, status }) => type === 'Failed' && status === 'True',
  )
  if (pod?.status?.phase !== 'Failed' && !failed) return pod && neverBegins(pod, main)
  const ended = main?.state?.terminated
  const exitCode = ended?.exitCode || undefined
  return (
    ofDeadline(failed?.reason ?? pod?.status?.reason, exitCode) ??
    (pod ? (ofMachine(pod, exitCode) ?? ofProgram(ended) ?? ofCheck(check)) : undefined) ?? {
      cause: 'machine',
      message: pod ? `its Pod failed: ${wordsOf(pod)}` : 'its Pod was deleted',
    }
  )
}

const wordsOf = ({ status }: V1Pod): string =>
  inWords(status?.reason, status?.message) || 'nothing says why'

/** It would take as long again. */
const ofDeadline = (reason: string | undefined, exitCode = 137): Verdict | undefined =>
  reason === 'DeadlineExceeded'
    ? { cause: 'program', message: 'it took longer than it may here: DeadlineExceeded', exitCode }
    : undefined

/** Evicted, preempted, lost with its node, or deleted by somebody. */
function ofMachine(pod: V1Pod, exitCode: number | undefined): Verdict | undefined {
  const { conditions = [], reason } = pod.status ?? {}
  const disruption = conditions.find(
    ({ type, status }) => type === 'DisruptionTarget' && status === 'True',
  )
  const by = (message: string): Verdict => ({
    cause: 'machine',
    message,
    ...(exitCode && { exitCode }),
  })
  if (reason) return by(`its Pod was ended: ${wordsOf(pod)}`)
  if (disruption) return by(`its Pod was ended: ${inWords(disruption.reason, disruption.message)}`)
  if (pod.metadata?.deletionTimestamp) return by('its Pod was deleted')
  return undefined
}

function ofProgram(ended: V1ContainerStateTerminated | undefined): Verdict | undefined {
  if (!ended || ended.exitCode === 0) return undefined
  const { exitCode, reason = 'Error', message = '' } = ended
  if (reason === 'StartError' || reason === 'ContainerCannotRun') return ofCommand(ended)
  // What the kubelet says of containers it has lost.
  if (reason === 'ContainerStatusUnknown') return { cause: 'machine', message, exitCode }
  return { cause: 'program', message: `(container main) ${reason}`, exitCode }
}

function ofCommand({ exitCode, message = '' }: V1ContainerStateTerminated): Verdict {
  const known = startFailures.find(({ pattern }) => pattern.test(message))
  return {
    cause: 'plan',
    message: known ? unexecutable(known.what, message) : `it cannot be started: ${message}`,
    exitCode: known?.exitCode ?? exitCode,
  }
}

function ofCheck(check: V1ContainerStatus | undefined): Verdict | undefined {
  const ended = check?.state?.terminated
  if (!ended || ended.exitCode === 0) return undefined
  const words = ended.message?.trim() || inWords(ended.reason, `exit code ${ended.exitCode}`)
  return { cause: 'machine', message: `its outputs were not as they should be: ${words}` }
}

/** What is pending and for ever will be. */
function neverBegins({ spec }: V1Pod, main: V1ContainerStatus | undefined): Verdict | undefined {
  const waiting = main?.state?.waiting
  if (!waiting || !isHopeless(waiting)) return undefined
  const image = spec?.containers[0]?.image ?? main.image
  const message = `${unpullable(image, waiting.message ?? '')}. ${checkImageName}`
  return { cause: 'plan', message }
}

function isHopeless({ reason = '', message = '' }: V1ContainerStateWaiting): boolean {
  if (reason === 'InvalidImageName' || reason === 'ErrImageNeverPull') return true
  return /^(ErrImagePull|ImagePullBackOff)$/.test(reason) && imageIsUnavailable.test(message)
}
