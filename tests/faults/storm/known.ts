/** A data that a client asked to be kept. */
export type Pushed = {
  serial: string
  owner: string
  kind: string
  /** Of what was sent. */
  digest: string
  /** Known once the push was acknowledged. */
  knitId?: string
  /** Tags its owner changes later: there, not there, or undefined while nobody can know. */
  notes: Map<string, boolean | undefined>
  /** Grows with every change that is begun or answered. */
  changes: number
}
export type Acknowledged = Pushed & { knitId: string }

/** A plan that a client asked to be registered. */
export type Registered = {
  serial: string
  input: string
  output: string
  /** Known once it was acknowledged. */
  planId?: string
}

/** What all clients together know: every request to keep something, and which of them were acknowledged. */
export class Known {
  readonly pushed: Pushed[] = []
  readonly registered: Registered[] = []
  readonly #served = new Map<string, number>()

  /** A client was given what it asked for. */
  serve(client: string): void {
    this.#served.set(client, this.servedTo(client) + 1)
  }

  /** How often that was so. */
  servedTo(client: string): number {
    return this.#served.get(client) ?? 0
  }

  acknowledged(): Acknowledged[] {
    return this.pushed.filter((one): one is Acknowledged => one.knitId !== undefined)
  }
}

export const serialTag = ({ serial }: Pushed): string => `serial:${serial}`
export const kindTag = ({ kind }: Pushed): string => `kind:${kind}`
