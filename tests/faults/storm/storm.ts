import { setImmediate as soon } from 'node:timers/promises'
import { join } from 'node:path'
import type { Random } from '#tests/support/random.ts'
import { startHomeWith, type RunningHome } from '#tests/support/local-home.ts'
import type { SmallDisk } from '#tests/support/small-disk.ts'
import { until } from '#tests/support/until.ts'
import { Client } from './client.ts'
import { Known } from './known.ts'

const clients = 8

// Short leases, so that what a dead process held is free soon; many attempts, since here machines fail all the time.
const env = {
  KNIT_CLAIM_LEASE: '2',
  KNIT_UPLOAD_LEASE: '2',
  KNIT_LOOK_INTERVAL: '1',
  KNIT_SWEEP_INTERVAL: '0.5',
  KNIT_MAX_ATTEMPTS: '1000',
  KNIT_GRACE: '5',
}

export type StormOptions = {
  random: Random
  /** Everything is kept below. */
  folder: string
  /** Where the home is, when its disk is to be filled. */
  disk?: SmallDisk | undefined
  say?: (line: string) => void
}

/** A local home that many work with while it is killed, stopped and starved. */
export class Storm {
  readonly home: string
  readonly disk: SmallDisk | undefined
  readonly known = new Known()
  readonly clients: Client[]
  readonly say: (line: string) => void
  #running: RunningHome | undefined
  #answers = 0
  #busy = 0
  #isOver = false
  #failure: unknown

  constructor({ random, folder, disk, say = () => {} }: StormOptions) {
    this.home = join(disk?.folder ?? folder, 'home')
    this.disk = disk
    this.say = say
    this.clients = Array.from(
      { length: clients },
      (_, index) => new Client(`client${index}`, random, this.known, folder),
    )
  }

  /** Starts the home, lets the clients work while `faults` happen, and lets them come to an end. */
  async rage(faults: readonly [string, (storm: Storm) => Promise<void>][]): Promise<void> {
    await this.start()
    const working = Promise.all(this.clients.map((client) => this.#work(client)))
    working.catch((error: unknown) => this.#fail(error))
    try {
      for (const [name, happen] of faults) {
        await this.answered(15)
        this.say(`${this.#answers} answers, then ${name}`)
        await happen(this)
        await this.#recovered()
        this.say('all are served again')
      }
    } finally {
      this.#isOver = true
    }
    await working.catch((error: unknown) => {
      throw this.#failure ?? error
    })
  }

  async #work(client: Client): Promise<void> {
    while (!this.#isOver && this.#failure === undefined) {
      const apiRoot = this.#running?.apiRoot
      if (apiRoot === undefined) {
        await soon()
        continue
      }
      this.#busy += 1
      try {
        await client.work(apiRoot)
        this.#answers += 1
      } finally {
        this.#busy -= 1
      }
    }
  }

  get running(): RunningHome {
    if (!this.#running) throw new Error('the home does not run')
    return this.#running
  }

  async start(): Promise<void> {
    const running = await startHomeWith(this.home, { args: ['--engine', 'sandbox'], env })
    this.#running = running
    void running.ended().then((code) => {
      if (this.#running === running) this.#fail(`the home ended by itself (${code})`)
    })
  }

  /** The first failure ends the storm, with what the home said last. */
  #fail(cause: unknown): void {
    this.#failure ??= this.explained(cause)
  }

  /** A failure, with what the home said last. */
  explained(cause: unknown): Error {
    const said = this.#running?.output().split('\n').slice(-100).join('\n')
    return new Error(`${String(cause)}\nThe home said:\n${said}`, { cause })
  }

  /** Ends the home; clients wait until it is started again. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const { running } = this
    this.#running = undefined
    return running.stop(signal)
  }

  /** Resolves when so many more requests were answered, in whatever way. */
  async answered(count: number): Promise<void> {
    const goal = this.#answers + count
    await this.#until(() => this.#answers >= goal)
  }

  /** Resolves when every client was given what it asked for, once more. */
  async #recovered(): Promise<void> {
    const before = this.clients.map(({ name }) => [name, this.known.servedTo(name)] as const)
    await this.#until(() => before.every(([name, count]) => this.known.servedTo(name) > count))
  }

  /** Resolves when every client waits for an answer. */
  async allWait(): Promise<void> {
    await this.#until(() => this.#busy === clients)
  }

  /** Waits for what the clients bring about, unless one of them has found something broken. */
  async #until(holds: () => boolean): Promise<void> {
    await until(() => holds() || this.#failure !== undefined)
    if (this.#failure !== undefined) throw this.#failure
  }
}
