import type {
  V1ContainerStateTerminated,
  V1ContainerStatus,
  V1Job,
  V1Pod,
} from '@kubernetes/client-node'
import {
  imageIsUnavailable,
  startFailures,
  unexecutable,
  unpullable,
} from '#shared/domain/container-trouble.ts'
import type { FailureCause } from '#shared/ports/cluster.ts'
import { inWords } from './pending-reason.ts'
import { containerRemedy, imageRemedy } from './remedies.ts'

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
  if (pod?.status?.phase !== 'Failed' && !failed)
    return pod && (ofLostNode(pod) ?? neverBegins(pod, main))
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

/** What Kubernetes ends Pods for, in words for people. */
const disruptions: Record<string, string> = {
  DeletionByTaintManager: 'its node was lost, or emptied by an admin',
  EvictionByEvictionAPI: 'its node was emptied by an admin',
  PreemptionByScheduler: 'its place was given to a program of higher priority',
  TerminationByKubelet: 'its node had too little left of something, or was shut down',
}

const disruptionOf = ({ status }: V1Pod) =>
  status?.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True')

/** Evicted, preempted, lost with its node, or deleted by somebody. */
function ofMachine(pod: V1Pod, exitCode?: number): Verdict | undefined {
  const disruption = disruptionOf(pod)
  const by = (message: string): Verdict => ({
    cause: 'machine',
    message,
    ...(exitCode && { exitCode }),
  })
  if (pod.status?.reason) return by(`its Pod was ended: ${wordsOf(pod)}`)
  if (disruption) {
    const { reason = '', message } = disruption
    return by(inWords(disruptions[reason] ?? 'its Pod was ended', reason, message))
  }
  if (pod.metadata?.deletionTimestamp) return by('its Pod was deleted')
  return undefined
}

/** The Pod of a node that does not answer stays as it was last seen, perhaps for ever. */
const ofLostNode = (pod: V1Pod): Verdict | undefined =>
  pod.metadata?.deletionTimestamp && disruptionOf(pod)?.reason === 'DeletionByTaintManager'
    ? ofMachine(pod)
    : undefined

function ofProgram(ended: V1ContainerStateTerminated | undefined): Verdict | undefined {
  if (!ended || ended.exitCode === 0) return undefined
  const { exitCode, reason = 'Error', message = '' } = ended
  if (reason === 'StartError' || reason === 'ContainerCannotRun') return ofCommand(ended)
  // What the kubelet says of containers it has lost.
  if (reason === 'ContainerStatusUnknown') return { cause: 'machine', message, exitCode }
  if (isForeign.test(message)) return ofCommand(ended)
  return { cause: 'program', message: `(container main) ${reason}`, exitCode }
}

// What runtimes say, in the place of a program, of one that is for another kind of machine.
const isForeign = /^(exec|standard_init_linux\.go)\b[^\n]*: exec format error\s*$/

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

const isUnusable = /^(InvalidImageName|ErrImageNeverPull)$/
const isUnpulled = /^(ErrImagePull|ImagePullBackOff)$/
const isUnmade = /^CreateContainer(Config)?Error$/

/** What is pending and for ever will be: an image that will not be there, or of any use, tomorrow either. */
function neverBegins({ spec }: V1Pod, main: V1ContainerStatus | undefined): Verdict | undefined {
  const { reason = '', message = '' } = main?.state?.waiting ?? {}
  const image = spec?.containers[0]?.image ?? main?.image ?? ''
  const isFinal = isUnpulled.test(reason) && imageIsUnavailable.test(message)
  if (isFinal || isUnusable.test(reason))
    return { cause: 'plan', message: `${unpullable(image, message)}. ${imageRemedy(message)}` }
  const next = isUnmade.test(reason) && containerRemedy(message)
  if (!next) return undefined
  return { cause: 'plan', message: `the image ${image} cannot be executed: ${message}. ${next}` }
}
