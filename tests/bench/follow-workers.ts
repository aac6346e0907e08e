import type { V1Job, V1Pod } from '@kubernetes/client-node'
import { inTime, median, type Bench } from './harness.ts'
import type { Installation } from './installation.ts'
import { watchObjects } from './watch-objects.ts'

/** What happens to a Job and its Pod, in this order when all goes well. */
export const moments = [
  'made',
  'released',
  'pod made',
  'scheduled',
  'begun',
  'succeeded',
  'ending',
  'gone',
] as const
export type Moment = (typeof moments)[number]

export type Followed = {
  /** When it happened, by `performance.now()`, as soon as it has. Rejects when the Pod fails, or it never does. */
  when(name: string, moment: Moment): Promise<number>
  /** When that happened which has happened so far. */
  timesOf(name: string): ReadonlyMap<Moment, number>
}

type Course = {
  times: Map<Moment, number>
  awaited: Map<Moment, PromiseWithResolvers<number>>
  failed?: Error
}

/** Follows every Job of the installation, and every Pod that is of a Job or of none: those by the name of their Job, or their own. */
export async function followWorkers(bench: Bench, there: Installation): Promise<Followed> {
  const courses = new Map<string, Course>()
  const courseOf = (name: string): Course => {
    const course = courses.get(name) ?? { times: new Map(), awaited: new Map() }
    courses.set(name, course)
    return course
  }
  const mark = (name: string, happened: readonly Moment[]): void => {
    const { times, awaited } = courseOf(name)
    const now = performance.now()
    for (const moment of happened) {
      if (!times.has(moment)) times.set(moment, now)
      awaited.get(moment)?.resolve(times.get(moment) ?? now)
    }
  }
  const fail = (name: string): void => {
    const course = courseOf(name)
    course.failed = new Error(`the Pod of ${name} failed`)
    for (const awaited of course.awaited.values()) awaited.reject(course.failed)
  }
  const { namespace } = there
  const jobs = await watchObjects<V1Job>(
    bench,
    there,
    `/apis/batch/v1/namespaces/${namespace}/jobs`,
    ({ type, object }) => {
      const { name = '' } = object.metadata ?? {}
      mark(name, type === 'DELETED' ? ['gone'] : momentsOfJob(object))
    },
  )
  const pods = await watchObjects<V1Pod>(
    bench,
    there,
    `/api/v1/namespaces/${namespace}/pods`,
    ({ object }) => {
      const name = nameOf(object)
      if (object.status?.phase === 'Failed') fail(name)
      else mark(name, momentsOfPod(object))
    },
  )
  return {
    when(name, moment) {
      const { times, awaited, failed } = courseOf(name)
      const at = times.get(moment)
      if (at !== undefined) return Promise.resolve(at)
      if (failed) return Promise.reject(failed)
      const waiting = awaited.get(moment) ?? Promise.withResolvers<number>()
      awaited.set(moment, waiting)
      return inTime(
        `${name} to be ${moment}`,
        Promise.race([waiting.promise, jobs.broken, pods.broken]),
      )
    },
    timesOf: (name) => courseOf(name).times,
  }
}

const nameOf = ({ metadata }: V1Pod): string =>
  metadata?.labels?.['batch.kubernetes.io/job-name'] ?? metadata?.name ?? ''

const momentsOfJob = ({ metadata, spec }: V1Job): Moment[] => [
  'made',
  ...(spec?.suspend ? [] : (['released'] as const)),
  ...(metadata?.deletionTimestamp ? (['ending'] as const) : []),
]

function momentsOfPod({ spec, status }: V1Pod): Moment[] {
  const state = status?.containerStatuses?.[0]?.state
  return [
    'pod made',
    ...(spec?.nodeName ? (['scheduled'] as const) : []),
    ...(state?.running || state?.terminated ? (['begun'] as const) : []),
    ...(status?.phase === 'Succeeded' ? (['succeeded'] as const) : []),
  ]
}

/** Milliseconds to each moment from the one before, in the middle. */
export function describeParts(all: readonly ReadonlyMap<Moment, number>[]): string {
  return moments
    .slice(1)
    .flatMap((moment, index) => {
      const before = moments[index] ?? moment
      const took = all.flatMap((times) => {
        const [from, to] = [times.get(before), times.get(moment)]
        return from === undefined || to === undefined ? [] : [to - from]
      })
      return took.length > 0 ? [`${moment} ${median(took).toFixed(0)}`] : []
    })
    .join(', ')
}
