import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import postgres from 'postgres'
import type { Call, Gate, Line } from '#tests/support/gate/gate.ts'
import type { Locks } from './locks.ts'

/** Something that makes calls, and may end between any two of them. */
export type Process = {
  number: number
  name: string
  /** How often it goes on, compared with others: some stop for long in the middle of their work. */
  pace: number
  isDead: boolean
}

/** A call at the gate, which is made when the schedule says so. */
export type Op = {
  number: number
  process: Process
  call: Call
  make(): Promise<unknown>
  resolve(result: unknown): void
  reject(reason: unknown): void
}

/** What becomes of a call: it is made, it is made and nobody hears of it, or it fails with `error` and is not made. */
export type Fate = { is: 'made' } | { is: 'lost'; error: Error } | { is: 'refused'; error: Error }

type Sent = {
  op: Op
  answer: Promise<void>
  deliver?: () => void
  /** It waits for others in the server, whose process is kept from going on. */
  isHeld: boolean
}

// As many turns of the loop pass between an answer and the call that follows from it, with room.
const turnsToThink = 4

/**
 * Holds every call of every process until it is told to make it, one at a time, and gives back control when nobody does anything
 * any more: every process waits at the gate, or in the server for another. So what happens is decided by who is told to go on,
 * and by nothing else.
 */
export class Scheduler {
  readonly #locks: Locks
  readonly #waiting: Op[] = []
  /** Calls that a server has, and that wait there for others. */
  readonly #sent = new Set<Sent>()
  #ops = 0
  #activity = 0
  /** Work that takes threads of its own, and so no certain number of turns. */
  readonly #isThinking: () => boolean

  constructor(locks: Locks, isThinking: () => boolean) {
    this.#locks = locks
    this.#isThinking = isThinking
  }

  gateOf(process: Process): Gate {
    return <T>(call: Call, make: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        this.#activity += 1
        if (process.isDead && !call.isRollback) return reject(hasDied())
        this.#ops += 1
        const op: Op = { number: this.#ops, process, call, make, resolve: resolve as never, reject }
        this.#waiting.push(op)
      })
  }

  /** Says that something happened that is no call. */
  touch(): void {
    this.#activity += 1
  }

  /** The calls that may be made now: of each line the first, unless one is being made. */
  ready(): Op[] {
    const busy = new Set<Line>([...this.#sent].map(({ op }) => op.call.line))
    return this.#waiting.filter(({ call: { line } }) => {
      if (busy.has(line)) return false
      busy.add(line)
      return true
    })
  }

  isIdle = (): boolean => this.#waiting.length === 0 && this.#sent.size === 0

  /** A process ends: what it waits for is not made any more, but its transactions are taken back. */
  kill(process: Process): void {
    process.isDead = true
    for (const op of this.#waiting.filter((op) => op.process === process && !op.call.isRollback)) {
      this.#waiting.splice(this.#waiting.indexOf(op), 1)
      op.reject(hasDied())
    }
  }

  /** Makes a call, and lets everybody go on who can because of it. */
  async make(op: Op, fate: Fate): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(op), 1)
    if (fate.is === 'refused') op.reject(fate.error)
    else {
      const sent = send(op, fate)
      this.#sent.add(sent)
    }
    await this.settle()
  }

  /** Resolves when nobody goes on by himself. */
  async settle(): Promise<void> {
    do await this.#think()
    while ((await this.#hear()) || (await this.#letGo()))
  }

  /** Those who wait in the server do not wait for ever. */
  letAllGo(): void {
    for (const sent of this.#sent) if (sent.isHeld) this.#locks.letGo(pidOf(sent))
  }

  /** Lets processes go on until each has come to a call. */
  async #think(): Promise<void> {
    for (let turns = 0, seen = this.#activity; turns < turnsToThink; turns += 1) {
      await turn()
      if (seen !== this.#activity || this.#isThinking()) {
        seen = this.#activity
        turns = -1
      }
    }
  }

  /** Waits until the call that is being made has its answer, or waits for others; true when somebody was answered. */
  async #hear(): Promise<boolean> {
    for (;;) {
      const open = [...this.#sent].filter(({ deliver, isHeld }) => !deliver && !isHeld)
      if (open.length === 0) break
      await Promise.race([...open.map(({ answer }) => answer), pause(2)])
      if (!open.some(({ deliver }) => deliver)) await this.#hold(open)
    }
    const answered = [...this.#sent].filter(({ deliver }) => deliver)
    for (const sent of answered) {
      this.#sent.delete(sent)
      // Its answer was on its way when it was held.
      if (sent.isHeld) this.#goOn(sent)
      sent.deliver?.()
    }
    return answered.length > 0
  }

  /** Whoever waits in the server is kept from going on by himself: of those who wait for the same, any may be the first. */
  async #hold(open: readonly Sent[]): Promise<void> {
    const waiting = await this.#locks.waiting()
    for (const sent of open) {
      if (sent.deliver || !waiting.has(pidOf(sent))) continue
      this.#locks.hold(pidOf(sent))
      sent.isHeld = true
      await this.#breakCycle(sent)
    }
  }

  /** One that waits in a circle is told so, as by the server. */
  async #breakCycle(sent: Sent): Promise<void> {
    const pid = pidOf(sent)
    if (!(await this.#locks.isInCycle(pid))) return
    await this.#locks.cancel(pid)
    this.#goOn(sent)
  }

  /** Lets the first go on who has what he waited for; false when there is none. */
  async #letGo(): Promise<boolean> {
    const held = [...this.#sent].filter(({ isHeld }) => isHeld)
    if (held.length === 0) return false
    const waiting = await this.#locks.waiting()
    const free = held.find((sent) => !waiting.has(pidOf(sent)))
    if (free) this.#goOn(free)
    return free !== undefined
  }

  #goOn(sent: Sent): void {
    sent.isHeld = false
    this.#locks.letGo(pidOf(sent))
  }
}

const pidOf = ({ op }: Sent): number => op.call.pid?.() ?? 0

function send(op: Op, fate: Fate): Sent {
  const answered = (deliver: () => void): void => {
    // Nobody is there to hear of it.
    sent.deliver = op.process.isDead && !op.call.isRollback ? () => op.reject(hasDied()) : deliver
  }
  const sent: Sent = {
    op,
    isHeld: false,
    answer: op.make().then(
      (result) => answered(() => (fate.is === 'lost' ? op.reject(fate.error) : op.resolve(result))),
      (error: unknown) => answered(() => op.reject(asDeadlock(error))),
    ),
  }
  return sent
}

/** Nobody but the scheduler cancels statements. */
function asDeadlock(error: unknown): unknown {
  if (error instanceof postgres.PostgresError && error.code === '57014')
    Object.assign(error, { code: '40P01', message: 'deadlock detected' })
  return error
}

const hasDied = (): Error => new Error('the process has died')
