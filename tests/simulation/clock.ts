import { AsyncLocalStorage } from 'node:async_hooks'
import type { Process } from './scheduler.ts'

type Timer = { process: Process; call: () => void; period: number; due: number }

/** Time is what the schedule says, for the database, for functions and for their timers. */
export class SimulatedClock {
  now: Date
  readonly timers = new Set<Timer>()
  /** Whose code is running. */
  readonly #current = new AsyncLocalStorage<Process>()

  constructor(now: Date) {
    this.now = now
  }

  /** Runs code as that of a process. */
  runAs<T>(process: Process, code: () => T): T {
    return this.#current.run(process, code)
  }

  advance(milliseconds: number): void {
    this.now = new Date(this.now.getTime() + milliseconds)
  }

  due(): Timer[] {
    return [...this.timers].filter(
      ({ due, process }) => due <= this.now.getTime() && !process.isDead,
    )
  }

  fire(timer: Timer): void {
    timer.due = this.now.getTime() + timer.period
    timer.call()
  }

  /** Takes the place of the timers of Node, for processes of the simulation alone; gives back how to undo it. */
  install(): () => void {
    const { setInterval, clearInterval } = globalThis
    const simulated = (call: () => void, period: number): unknown => {
      const process = this.#current.getStore()
      if (!process) return setInterval(call, period)
      const timer = { process, call, period, due: this.now.getTime() + period }
      this.timers.add(timer)
      return timer
    }
    const cleared = (timer: unknown): void => {
      if (!this.timers.delete(timer as Timer)) clearInterval(timer as NodeJS.Timeout)
    }
    Object.assign(globalThis, { setInterval: simulated, clearInterval: cleared })
    return () => Object.assign(globalThis, { setInterval, clearInterval })
  }
}
