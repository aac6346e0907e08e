import type { CoreV1Event, V1ContainerStatus, V1Job, V1Pod } from '@kubernetes/client-node'
import { containers } from './job.ts'
import { isQueued, withRemedy } from './remedies.ts'

/** What Kubernetes says in a word, and in more. */
export const inWords = (...words: (string | undefined)[]): string =>
  words.filter(Boolean).join(': ')

/** Why a Pod does not begin, in the words of whoever it waits for, and what to do; undefined when it is about to. */
export function pendingReason(
  pod: V1Pod | undefined,
  events: CoreV1Event[],
  plan?: string,
): string | undefined {
  const ofStorage = events.filter(isOfClaim)
  const ofPod = events.filter((event) => !isOfClaim(event))
  const unplaced = pod && unscheduled(pod)
  const reasons = unplaced
    ? [unplaced, ofEvent(newest(ofStorage))]
    : [(pod && troubled(pod)) ?? ofEvent(newest(ofPod))]
  return (
    reasons.flatMap((words) => (words ? [withRemedy(words, plan)] : [])).join('; ') || undefined
  )
}

/**
 * What of that no waiting mends: an image that does not come, a program that does not stay up, a claim that nobody can fill or mount, nodes
 * of which none is meant for it. Not a want of room, nor a claim or a node that is about to come, or to be back.
 */
export function hindrance(pod: V1Pod, events: CoreV1Event[]): string | undefined {
  const last = newest(events)
  return troubled(pod) ?? (last && isFinal(last) ? ofEvent(last) : undefined)
}

function isFinal(event: CoreV1Event): boolean {
  const { reason = '', message = '' } = event
  if (!isBad(event)) return false
  if (isOfClaim(event) || /^Failed(Mount|AttachVolume)$/.test(reason)) return true
  return (
    ![isQueued, isOfBadNode, isOfClaims].some((is) => is(message)) && reason === 'FailedScheduling'
  )
}

// What Kubernetes itself does to nodes that are not ready, or are emptied.
const isOfBadNode = (words: string): boolean =>
  /\{node\.kubernetes\.io\/|were unschedulable/.test(words)

const isOfClaims = (words: string): boolean => /persistentvolumeclaim/i.test(words)

const isOfClaim = ({ involvedObject }: CoreV1Event): boolean =>
  involvedObject?.kind === 'PersistentVolumeClaim'

/** Whether a Pod waits for claims, whose own events say why those do not come. */
export const waitsForClaims = (pod: V1Pod | V1Job): pod is V1Pod =>
  isOfClaims(unscheduled(pod) ?? '')

/** Whether the last that was heard of a Pod is that it waits for claims: it may not say so itself. */
export const isSaidToWaitForClaims = (pod: V1Pod, events: CoreV1Event[]): boolean =>
  waitsForClaims(pod) || isOfClaims(newest(events)?.message ?? '')

function unscheduled({ status }: V1Pod | V1Job): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  return scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason) : undefined
}

const usual = ['ContainerCreating', 'PodInitializing']

function troubled({ status }: V1Pod): string | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const stuck = all.find(({ state }) => state?.waiting && !usual.includes(reasonOf(state.waiting)))
  return stuck && ofContainer(stuck)
}

const reasonOf = ({ reason = usual[0] ?? '' }: { reason?: string }): string => reason

/** Of what stands beside a program, by its name: its trouble is nobody's who wrote a plan. */
function ofContainer({ name, state }: V1ContainerStatus): string {
  const words = inWords(state?.waiting?.reason, state?.waiting?.message)
  return name === containers.main ? words : `(container ${name}) ${words}`
}

function newest(events: CoreV1Event[]): CoreV1Event | undefined {
  const seenAt = ({ series, eventTime, lastTimestamp, firstTimestamp }: CoreV1Event) =>
    new Date(
      series?.lastObservedTime ?? eventTime ?? lastTimestamp ?? firstTimestamp ?? 0,
    ).getTime()
  return events.toSorted((a, b) => seenAt(b) - seenAt(a))[0]
}

/** That there is nobody to fill a claim Kubernetes counts as normal. */
const isBad = ({ type, reason }: CoreV1Event): boolean =>
  type === 'Warning' || reason === 'FailedBinding'

function ofEvent(event: CoreV1Event | undefined): string | undefined {
  if (event && isBad(event)) return inWords(event.reason, event.message)
  return event?.reason === 'Pulling' ? event.message : undefined
}
