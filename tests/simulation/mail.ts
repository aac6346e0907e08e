import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import { stepsFor, type EventStep } from '#shared/workflow/triggers.ts'
import type { Habits } from './habits.ts'
import type { Random } from './random.ts'

/** An event on its way to a step. */
export type Letter = { step: EventStep; event: KnitEvent; tries: number }

// As often as a broker tries.
const tries = 5

/** What the broker has taken: it keeps no order, loses letters, and delivers some of them twice. */
export class Mail implements EventBus {
  readonly letters: Letter[] = []
  readonly #random: Random
  readonly #habits: () => Habits

  constructor(random: Random, habits: () => Habits) {
    this.#random = random
    this.#habits = habits
  }

  async publish(events: readonly KnitEvent[]): Promise<void> {
    for (const event of events)
      for (const step of stepsFor(event.name)) this.#take({ step, event, tries: 0 })
  }

  /** A letter that was not served goes out again, for some times. */
  giveBack(letter: Letter): void {
    if (letter.tries + 1 < tries) this.letters.push({ ...letter, tries: letter.tries + 1 })
  }

  #take(letter: Letter): void {
    const { lost, doubled } = this.#habits()
    if (this.#random.happens(lost)) return
    this.letters.push(letter)
    if (this.#random.happens(doubled)) this.letters.push(letter)
  }
}
