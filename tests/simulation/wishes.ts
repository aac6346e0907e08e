import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { Habits } from './habits.ts'
import type { Random } from './random.ts'

/** What there is for users to see. */
export type Sight = {
  data: { id: string; tags: string[] }[]
  plans: { id: string }[]
  runs: { id: string; status: RunStatus }[]
}

/** What users have been told is so. */
export type Told = {
  /** Tags of data, by id. */
  tags: Map<string, Set<string>>
  /** The run of each upload, by the id of its data. */
  uploads: Map<string, string>
  /** Whether a plan is active. */
  plans: Map<string, boolean>
  /** How often a run was moved to a status by a user's word: `<run id> <status>`. */
  moves: Map<string, number>
}

/** Something a user asks for, until there is an answer. */
export type Wish = {
  route: string
  path: string
  body?: unknown
  headers?: Record<string, string>
  /** What it is about; users take turns there, so that it is certain what has to come of it. */
  about: string
  /** What is so once the wish is granted. */
  granted(told: Told, answer: unknown): void
}

const pushed = ['k:0', 'k:1', 'k:2']
/** What data may carry; with few kinds, all fit each other. */
const poolOf = ({ kinds }: Habits): string[] => [...pushed.slice(0, kinds), 'made:0', 'made:1']

type Maker = (random: Random, sight: Sight, habits: Habits) => Wish | undefined

const push: Maker = (random, _sight, { kinds }) => {
  const tags = random.some(pushed.slice(0, kinds), 1)
  return {
    route: 'data.push',
    path: `/api/data?${tags.map((tag) => `tag=${tag}`).join('&')}`,
    body: `an archive of ${tags.join(' and ')}`,
    headers: { 'content-type': 'application/tar+gzip' },
    about: 'upload',
    granted: ({ tags: carried, uploads }, answer) => {
      const { knitId, upstream } = answer as DataDetail
      // Somebody may have changed them before the upload was over.
      if (!carried.has(knitId)) carried.set(knitId, new Set(tags))
      uploads.set(knitId, upstream.run.runId)
    },
  }
}

const tag: Maker = (random, sight, habits) => {
  const pool = poolOf(habits)
  if (sight.data.length === 0) return undefined
  const { id, tags } = random.pick(sight.data)
  const add = random.some(pool)
  const remove = random.some(pool)
  return {
    route: 'data.tag',
    path: `/api/data/${id}`,
    body: { add, remove },
    about: id,
    granted: (told) => {
      const carried = told.tags.get(id) ?? new Set(tags)
      for (const one of remove) carried.delete(one)
      for (const one of add) carried.add(one)
      told.tags.set(id, carried)
    },
  }
}

/** A plan with inputs that ask for some of these tags. */
const applyTo = (random: Random, pool: string[], most: number, held: number): Wish => {
  const inputs = Array.from({ length: random.between(1, most) }, (_, index) => ({
    path: `/in/${index}`,
    tags: [random.pick(pool), ...(random.happens(0.3) ? [random.pick(pool)] : [])],
  }))
  const active = !random.happens(held)
  const outputs = [{ path: '/out', tags: [`made:${random.below(2)}`] }]
  const image = `example.test/plan:${random.below(4)}`
  return {
    route: 'plans.apply',
    path: '/api/plans',
    body: { image, inputs, outputs, active, ...(random.happens(0.3) && { log: { tags: [] } }) },
    about: 'plan',
    granted: ({ plans }, answer) => void plans.set((answer as PlanDetail).planId, active),
  }
}

const apply: Maker = (random, _sight, habits) =>
  applyTo(random, poolOf(habits), habits.kinds === 1 ? 1 : 2, habits.held)

/** What users ask for first: else there is nothing to do for long. */
export const opening: Maker[] = [
  push,
  (random, _sight, { kinds }) => applyTo(random, pushed.slice(0, kinds), 1, 0),
]

const toggle =
  (active: boolean): Maker =>
  (random, { plans }) => {
    if (plans.length === 0) return undefined
    const { id } = random.pick(plans)
    return {
      route: active ? 'plans.activate' : 'plans.deactivate',
      path: `/api/plans/${id}/active`,
      about: id,
      granted: (told) => void told.plans.set(id, active),
    }
  }

/** A move of a run; `to` is where the history has it then. */
const move =
  (route: string, path: (runId: string) => string, to: string): Maker =>
  (random, { runs }) => {
    if (runs.length === 0) return undefined
    const { id } = random.pick(runs)
    const key = `${id} ${to}`
    return {
      route,
      path: path(id),
      about: id,
      granted: ({ moves }) => void moves.set(key, (moves.get(key) ?? 0) + 1),
    }
  }

const at = (verb: string) => (runId: string) => `/api/runs/${runId}/${verb}`

/** What users ask for, and how often: who likes to, turns plans on and off, or moves runs, more than others. */
export const wishesOf = ({ toggles, moves }: Pick<Habits, 'toggles' | 'moves'>) => [
  { weight: 5, make: push },
  { weight: 4, make: tag },
  { weight: 4, make: apply },
  { weight: 2 * toggles, make: toggle(true) },
  { weight: 2 * toggles, make: toggle(false) },
  { weight: 2 * moves, make: move('runs.abort', at('abort'), 'aborting') },
  { weight: moves, make: move('runs.tearoff', at('tearoff'), 'completing') },
  { weight: 2 * moves, make: move('runs.retry', at('retry'), 'again') },
  { weight: 2 * moves, make: move('runs.delete', (runId) => `/api/runs/${runId}`, 'invalidated') },
]
