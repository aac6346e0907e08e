import type { CoreV1Event, V1Pod } from '@kubernetes/client-node'

/** What Kubernetes says in a word, and in more. */
export const inWords = (...words: (string | undefined)[]): string =>
  words.filter(Boolean).join(': ')

/** Why a Pod does not begin, in the words of whoever it waits for; undefined when it is about to. */
export function pendingReason(pod: V1Pod | undefined, events: CoreV1Event[]): string | undefined {
  return (pod && (unscheduled(pod) ?? troubled(pod))) ?? ofEvent(newest(events))
}

function unscheduled({ status }: V1Pod): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  return scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason) : undefined
}

const usual = ['ContainerCreating', 'PodInitializing']

function troubled({ status }: V1Pod): string | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const waiting = all.map(({ state }) => state?.waiting)
  const trouble = waiting.find((one) => one?.reason && !usual.includes(one.reason))
  return trouble && inWords(trouble.reason, trouble.message)
}

function newest(events: CoreV1Event[]): CoreV1Event | undefined {
  const seenAt = ({ eventTime, lastTimestamp, firstTimestamp }: CoreV1Event) =>
    new Date(eventTime ?? lastTimestamp ?? firstTimestamp ?? 0).getTime()
  return events.toSorted((a, b) => seenAt(b) - seenAt(a))[0]
}

function ofEvent(event: CoreV1Event | undefined): string | undefined {
  if (event?.type === 'Warning') return inWords(event.reason, event.message)
  return event?.reason === 'Pulling' ? event.message : undefined
}
