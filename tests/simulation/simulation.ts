import { hash, randomUUID } from 'node:crypto'
import type { Sql } from '#shared/database/sql.ts'
import { clockSteps, type Step } from '#shared/workflow/triggers.ts'
import { signingKey } from '#tests/support/functions.ts'
import { answerHooks } from '#tests/support/gate/gated-hooks.ts'
import type { Bug } from './bugs.ts'
import { SimulatedClock } from './clock.ts'
import { SimulatedCluster, type Turn } from './cluster.ts'
import { beginAnew, findPlaces, setTime, withoutCleaning } from './database.ts'
import { fateOf } from './fates.ts'
import { calm, drawHabits, type Habits } from './habits.ts'
import { SimulatedHooks } from './hooks.ts'
import type { Locks } from './locks.ts'
import { Mail } from './mail.ts'
import { Processes } from './processes.ts'
import { Random } from './random.ts'
import { Scheduler, type Op } from './scheduler.ts'
import { lookAround } from './sight.ts'
import { Users } from './users.ts'
import { witness } from './witness.ts'
import { findBroken, findFaults } from './verdict.ts'

/** A database made for simulations, another line to look at it, and one that tells who waits for whom. */
export type Stage = {
  /** Opens connections for one schedule: each writes a row where it wrote the one before, so none may have been used by another. */
  openPool(): Sql
  side: Sql
  locks: Locks
  isThinking: () => boolean
  /** What is wrong with the engine, when that is to be found out. */
  bug: Partial<Bug>
}

/** What is certain of a schedule, whatever its seed. */
export type Circumstances = { habits?: Partial<Habits> }

export type Result = {
  seed: number
  /** What is wrong; empty where everything is as it must be. */
  wrong: string[]
  /** Everything that was decided, in order. */
  trace: string[]
  /** The same for the same schedule. */
  digest: string
}

/** What may be done next. */
type Choice = { weight: number; go(): string | Promise<string> }

const minute = 60_000
// Longer than any schedule, so that only what is wrong whatever goes on is found.
const aWhile = 1e6
// What somebody made late is removed after a while.
const mayLast = /Every volume is of a data/
const longestSchedule = 1500
const longestRest = 20_000

/** Lets everything happen that one seed decides; then lets everybody do what is left, and judges. */
export async function simulate(
  stage: Stage,
  seed: number,
  circumstances: Circumstances = {},
): Promise<Result> {
  const sql = stage.openPool()
  const simulation = new Simulation(stage, sql, seed, circumstances)
  const uninstall = simulation.clock.install()
  const unanswer = answerHooks((call) => simulation.hooks.answer(call))
  try {
    await beginAnew(stage.side, simulation.clock.now)
    await withoutCleaning(stage.side, () => simulation.play())
  } catch (error) {
    simulation.wrong.push((error as Error).stack ?? String(error))
  } finally {
    uninstall()
    unanswer()
    await sql.end({ timeout: 5 })
  }
  const { wrong, trace } = simulation
  const digest = hash('sha256', trace.join('\n')).slice(0, 16)
  return { seed, wrong, trace, digest }
}

class Simulation {
  readonly trace: string[] = []
  readonly wrong: string[] = []
  readonly clock = new SimulatedClock(new Date('2026-03-01T12:00:00Z'))
  readonly hooks = new SimulatedHooks()
  readonly #random: Random
  readonly #stage: Stage
  #habits: Habits
  readonly #scheduler: Scheduler
  readonly #mail: Mail
  readonly #cluster: SimulatedCluster
  readonly #processes: Processes
  readonly #users: Users
  readonly #witness: ReturnType<typeof witness>
  readonly #clockSteps: readonly Step[]
  /** How often somebody was told of something to do: unchanged while nobody has anything to do. */
  #told = 0

  constructor(stage: Stage, sql: Sql, seed: number, { habits }: Circumstances) {
    this.#stage = stage
    this.#random = new Random(seed)
    this.#clockSteps = clockSteps.filter((step) => step !== stage.bug.without)
    this.#habits = { ...drawHabits(this.#random), ...stage.bug.habits, ...habits }
    this.#scheduler = new Scheduler(stage.locks, stage.isThinking)
    this.#mail = new Mail(this.#random, () => {
      this.#told += 1
      return this.#habits
    })
    this.#cluster = new SimulatedCluster(
      () => this.clock.now,
      (worker) => this.#tellChange(worker),
    )
    this.#witness = witness(this.#cluster)
    const note = (line: string): void => {
      if (line.includes(signingKey)) this.wrong.push(`the log tells the signing key: ${line}`)
    }
    this.#processes = new Processes({
      sql,
      reword: stage.bug.reword,
      scheduler: this.#scheduler,
      clock: this.clock,
      cluster: this.#cluster,
      mail: this.#mail,
      hasHooks: this.#habits.hooks > 0,
      note,
      pace: () => (this.#random.happens(this.#habits.slow) ? this.#random.pick([0.02, 0.1]) : 1),
    })
    this.#users = new Users(this.#random, this.#processes)
  }

  async play(): Promise<void> {
    try {
      await this.#happen()
      await this.#rest()
    } finally {
      this.#scheduler.letAllGo()
    }
  }

  /** Everything at once, with whatever may go wrong. */
  async #happen(): Promise<void> {
    this.trace.push(JSON.stringify(this.#habits))
    for (let step = 0; step < longestSchedule; step += 1) {
      if (this.#users.count >= this.#habits.wishes && this.#random.happens(this.#habits.end)) break
      await this.#do(this.#random.weighted(this.#choices()))
    }
    const broken = await findBroken(this.#stage.side, this.#cluster, aWhile)
    this.wrong.push(...broken.filter((line) => !mayLast.test(line)))
  }

  /** Nothing new is asked for and nothing fails any more: sweeps, and time, bring everything to its end. */
  async #rest(): Promise<void> {
    this.#habits = calm(this.#habits)
    this.trace.push('rest')
    // Clocks may have been set back, again and again: leases of then are over too.
    await this.#passTime(300 * minute)
    for (let told = -1, steps = 0; told !== this.#told;) {
      told = this.#told
      await this.#passTime(11 * minute)
      for (const step of this.#clockSteps) void this.#processes.tick(step)
      await this.#scheduler.settle()
      for (let next = this.#next(); next; next = this.#next()) {
        await this.#do(next)
        steps += 1
        if (steps > longestRest) throw new Error('it does not come to rest')
      }
    }
    this.trace.push(`rows lie at ${await findPlaces(this.#stage.side)}`)
    this.wrong.push(...(await findFaults(this.#stage.side, this.#cluster, this.#users)))
    if (this.#habits.hooks > 0) this.wrong.push(...(await this.hooks.findUntold(this.#stage.side)))
  }

  async #do(choice: Choice): Promise<void> {
    this.trace.push(await choice.go())
    await this.#scheduler.settle()
  }

  /** Everything that may happen next, and how likely it is. */
  #choices(): Choice[] {
    const { crowd, deliveries, wishes, workers } = this.#habits
    const isRoom = this.#processes.alive.size < crowd
    const calls = this.#scheduler.ready().map((op) => this.#call(op))
    const turns = this.#cluster.turns().map((turn) => this.#turn(turn, workers))
    const all = [...calls, ...turns, ...this.#passing(), ...this.#endings()]
    if (!isRoom) return all
    if (this.#mail.letters.length > 0) all.push(this.#delivery(deliveries))
    if (this.#users.count < wishes) all.push(this.#wish())
    if (this.#users.isAnyUnanswered) all.push({ weight: 0.3, go: () => this.#users.askAgain() })
    return [...all, ...this.#clockSteps.map((step) => this.#tick(step))]
  }

  /** What is to be done first when nothing more goes wrong. */
  #next(): Choice | undefined {
    const [op] = this.#scheduler.ready()
    if (op) return this.#call(op)
    if (this.#mail.letters.length > 0) return this.#delivery(1)
    if (this.#users.isAnyUnanswered) return { weight: 1, go: () => this.#users.askAgain() }
    const turns = this.#cluster.turns()
    return turns.length > 0 ? this.#turn(this.#random.weighted(turns), 1) : undefined
  }

  #call(op: Op): Choice {
    const go = async (): Promise<string> => {
      const fate = fateOf(op, this.#habits, this.#random)
      await this.#scheduler.make(op, fate)
      if (op.call.what === 'commit') this.wrong.push(...(await this.#witness(this.#stage.side)))
      return `${op.process.number} ${op.process.name}: ${op.call.port} ${op.call.what}: ${fate.is}`
    }
    return { weight: op.process.pace, go }
  }

  #delivery(weight: number): Choice {
    const go = (): string => {
      const { letters } = this.#mail
      const letter = this.#random.pick(letters)
      letters.splice(letters.indexOf(letter), 1)
      const skew = this.#random.pick([0, 0, 60, -60]) * minute
      void this.#processes.serve(letter.step, letter.event, skew).then((answer) => {
        if (!answer?.ok) this.#mail.giveBack(letter)
      })
      return `${letter.event.name} for ${letter.step}`
    }
    return { weight, go }
  }

  #wish(): Choice {
    const go = async (): Promise<string> =>
      this.#users.ask(await lookAround(this.#stage.side), this.#habits)
    return { weight: this.#habits.haste, go }
  }

  #tick(step: Step): Choice {
    const go = (): string => {
      void this.#processes.tick(step)
      return `time for ${step}`
    }
    return { weight: this.#habits.sweeps / (step === 'sweep' ? 1 : 4), go }
  }

  #turn({ what, weight, go }: Turn, share: number): Choice {
    return {
      weight: weight * share,
      go: () => {
        go()
        this.#told += 1
        return what
      },
    }
  }

  /** Time passes, or jumps, and timers ring. */
  #passing(): Choice[] {
    const { wakes, jumps } = this.#habits
    const pass = async (seconds: number): Promise<string> => {
      await this.#passTime(seconds * 1000)
      return `${seconds} s pass`
    }
    const rings = this.clock.due().map((timer) => ({
      weight: 0.5,
      go: () => {
        this.clock.fire(timer)
        return `a timer of ${timer.process.number} rings`
      },
    }))
    return [
      { weight: 0.2 * wakes, go: () => pass(this.#random.between(1, 20)) },
      { weight: jumps, go: () => pass(this.#random.pick([31, 61, 901, 3600, -600])) },
      ...rings,
    ]
  }

  /** Processes end, nodes are lost, programs are begun twice, and those that were taken for lost write after all. */
  #endings(): Choice[] {
    const { kills, nodeLosses, twins } = this.#habits
    const deaths = [...this.#processes.alive].map((process) => ({
      weight: kills,
      go: () => {
        this.#processes.kill(process)
        return `${process.number} ${process.name} dies`
      },
    }))
    const losses = [...this.#cluster.workers.values()].map((worker) => ({
      weight: nodeLosses,
      go: () => {
        this.#cluster.lose(worker)
        return `${worker.name} is lost`
      },
    }))
    const begun = this.#cluster.lonely().map((worker) => ({
      weight: twins,
      go: () => {
        this.#cluster.beginOnceMore(worker)
        return `${worker.name} is begun once more`
      },
    }))
    const wakes = this.#cluster.zombies.map((zombie) => ({
      weight: 0.1,
      go: () => {
        this.#cluster.wake(zombie)
        return `${zombie.name} writes, though it was lost`
      },
    }))
    return [...deaths, ...losses, ...begun, ...wakes]
  }

  async #passTime(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds)
    await setTime(this.#stage.side, this.clock.now)
  }

  #tellChange(worker: string): void {
    const time = this.clock.now
    const event = { id: randomUUID(), name: 'worker.changed', subject: worker, time } as const
    void this.#mail.publish([{ ...event, data: { worker } }])
  }
}
