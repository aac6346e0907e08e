import { idempotencyHeader } from '#shared/contracts/route.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import { call } from '#tests/support/functions.ts'
import { routeFunctions } from '../../functions/functions.generated.ts'
import type { Habits } from './habits.ts'
import type { Answer, Processes } from './processes.ts'
import type { Random } from './random.ts'
import { opening, wishesOf, type Sight, type Told, type Wish } from './wishes.ts'

/** Who ask for things at the same time, and ask again, with the same key, whoever is not answered. */
export class Users {
  readonly told: Told = {
    tags: new Map(),
    uploads: new Map(),
    plans: new Map(),
    moves: new Map(),
  }
  /** Runs somebody asked something of. */
  readonly asked = new Set<string>()
  readonly #unanswered: { wish: Wish; key: string }[] = []
  readonly #busy = new Set<string>()
  readonly #random: Random
  readonly #processes: Processes
  #wishes = 0

  constructor(random: Random, processes: Processes) {
    this.#random = random
    this.#processes = processes
  }

  get count(): number {
    return this.#wishes
  }

  /** True when somebody was not answered and waits to ask again. */
  get isAnyUnanswered(): boolean {
    return this.#unanswered.length > 0
  }

  /** Somebody asks for something new, if there is anything to ask for. */
  ask(sight: Sight, habits: Habits): string {
    const make = opening[this.#wishes] ?? this.#random.weighted(wishesOf(habits)).make
    this.#wishes += 1
    const wish = make(this.#random, sight, habits)
    if (!wish || this.#busy.has(wish.about)) return 'a user thinks better of it'
    // Anybody may push, and register, at the same time.
    if (wish.about !== 'upload' && wish.about !== 'plan') this.#busy.add(wish.about)
    if (wish.path.startsWith('/api/runs/')) this.asked.add(wish.about)
    return this.#send(wish, `key-${this.#wishes}`)
  }

  askAgain(): string {
    const next = this.#random.pick(this.#unanswered)
    this.#unanswered.splice(this.#unanswered.indexOf(next), 1)
    return `again ${this.#send(next.wish, next.key)}`
  }

  #send(wish: Wish, key: string): string {
    const { route, path, body } = wish
    const headers = { ...wish.headers, [idempotencyHeader]: key }
    const answered = this.#processes.start(`user ${route}`, (world) =>
      call(routeOf(route), world, path, { headers, ...(body !== undefined && { body }) }),
    )
    void answered.then((answer) => this.#hear(wish, key, answer))
    return `user ${route} ${path}`
  }

  async #hear(wish: Wish, key: string, answer: Answer): Promise<void> {
    if (!answer || answer.status >= 500) {
      this.#unanswered.push({ wish, key })
      return
    }
    const text = await answer.text()
    this.#busy.delete(wish.about)
    if (answer.ok) wish.granted(this.told, text === '' ? undefined : JSON.parse(text))
  }
}

function routeOf(name: string): RouteFunction {
  const found = routeFunctions.find((route) => route.name === name)
  if (!found) throw new Error(`there is no route ${name}`)
  return found
}
