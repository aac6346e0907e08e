import type { Random } from './random.ts'

/** How often what happens in one schedule: each schedule has habits of its own, so that rare things are common in some. */
export type Habits = {
  /** Requests of users. */
  wishes: number
  /** How likely the next request is, compared with a step of somebody's work. */
  haste: number
  /** Tags that users put on what they push. */
  kinds: number
  /** How soon a schedule ends when nothing new is asked for. */
  end: number
  /** Plans that users hold from the beginning: of those, nothing but matching and projection happens. */
  held: number
  /** How much users like to turn plans on and off, and to move runs. */
  toggles: number
  moves: number
  /** Calls of the database that fail, or whose answer is lost. */
  badSql: number
  badCluster: number
  badBroker: number
  /** Whether hooks are asked and told, and how many of their calls fail. */
  hooks: number
  badHooks: number
  /** Events that the broker takes and never delivers, or delivers twice. */
  lost: number
  doubled: number
  /** How likely, compared with a step of somebody's work. */
  kills: number
  sweeps: number
  jumps: number
  nodeLosses: number
  wakes: number
  /** Programs that are begun once more, by another worker of the same name. */
  twins: number
  /** How soon workers begin and end. */
  workers: number
  deliveries: number
  /** Processes that stop for long in the middle of their work. */
  slow: number
  /** Processes at work at a time. */
  crowd: number
}

export function drawHabits(random: Random): Habits {
  const rarely = [0, 0, 0.01, 0.05]
  const apart = random.fork()
  return {
    wishes: random.between(4, 14),
    haste: random.pick([0.1, 0.3, 0.6]),
    kinds: random.between(1, 3),
    end: 0.01,
    held: random.pick([0, 0, 0.5, 1]),
    toggles: random.pick([0.5, 0.5, 4]),
    moves: random.pick([0.5, 1, 4]),
    badSql: random.pick([0, 0, 0.005, 0.03]),
    badCluster: random.pick([0, 0.02, 0.1]),
    badBroker: random.pick([0, 0, 0.1, 0.5]),
    lost: random.pick([0, 0.1, 0.5, 1]),
    doubled: random.pick([0, 0.2, 0.8]),
    kills: random.pick(rarely),
    sweeps: random.pick([0.02, 0.1, 0.3]),
    jumps: random.pick([0, 0.01, 0.05]),
    nodeLosses: random.pick(rarely),
    wakes: random.pick([0.1, 0.5, 2]),
    deliveries: random.pick([0.2, 1, 3]),
    slow: random.pick([0, 0.1, 0.3]),
    crowd: random.between(2, 10),
    workers: random.pick([0.02, 0.2, 0.2]),
    hooks: apart.pick([0, 0, 0, 1]),
    badHooks: apart.pick([0, 0.05, 0.2]),
    twins: apart.pick(rarely),
  }
}

/** When everybody does what is left to do, and nothing fails; but a broker that never delivered anything goes on so. */
export const calm = (habits: Habits): Habits => ({
  ...habits,
  badSql: 0,
  badCluster: 0,
  badBroker: 0,
  badHooks: 0,
  twins: 0,
  lost: Math.floor(habits.lost),
  doubled: 0,
  kills: 0,
  jumps: 0,
  nodeLosses: 0,
})
