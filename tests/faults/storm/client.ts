import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { measure } from '#shared/archive/measure.ts'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { ApiError, ConnectionError, MaybeDone } from '#shared/client/api-error.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { Random } from '#tests/support/random.ts'
import { kindTag, serialTag, type Acknowledged, type Known, type Registered } from './known.ts'

const kinds = ['a', 'b', 'c'] as const
const notes = ['note:1', 'note:2', 'note:3'] as const
/** What a program says that found no room. */
export const noRoom = 28
const copyProgram = `
  said=$(cp -R /in/. /out/ 2>&1) && exit 0
  case $said in *'No space left'*) exit ${noRoom} ;; *) echo "$said"; exit 1 ;; esac`
const mostPlans = 5
const mostData = 80

/** Somebody who works with a local home, and checks with every answer that nothing acknowledged was lost. */
export class Client {
  readonly name: string
  readonly #random: Random
  readonly #known: Known
  readonly #folder: string
  #made = 0

  constructor(name: string, random: Random, known: Known, folder: string) {
    this.name = name
    this.#random = random.fork(name)
    this.#known = known
    this.#folder = join(folder, name)
  }

  /** One request of any kind, to the home that is there now. */
  async work(apiRoot: string): Promise<void> {
    const api = connectApi({ apiRoot })
    const act = this.#random.pick([
      this.push,
      this.push,
      this.register,
      this.tag,
      this.tag,
      this.find,
      this.pull,
      this.pull,
      this.look,
    ])
    await act.call(this, api)
  }

  async push(api: KnitApi): Promise<void> {
    if (this.#known.pushed.length >= mostData) return this.pull(api)
    const serial = this.#serial()
    const source = await this.#write(serial)
    const { digest } = await measure(source)
    const pushed = {
      serial,
      owner: this.name,
      kind: this.#random.pick(kinds),
      digest,
      notes: new Map(),
      changes: 0,
    }
    this.#known.pushed.push(pushed)
    const tags = [serialTag(pushed), kindTag(pushed)]
    const answer = await this.#attempt(() => api.push(pack(source), { tags }))
    if (answer) Object.assign(pushed, { knitId: answer.knitId })
    await rm(source, { recursive: true })
  }

  /** Copies what it is given: whatever comes out can be told from what went in. */
  async register(api: KnitApi): Promise<void> {
    if (this.#known.registered.length >= mostPlans) return this.find(api)
    const serial = this.#serial()
    const before = this.#known.registered.find(() => this.#random.below(2) === 0)
    const input = before?.output ?? `kind:${this.#random.pick(kinds)}`
    const plan: Registered = { serial, input, output: `copy:${serial}` }
    this.#known.registered.push(plan)
    const body = {
      image: 'knit.local/host:1',
      entrypoint: ['sh', '-c', copyProgram, serial],
      inputs: [{ path: '/in', tags: [plan.input] }],
      outputs: [{ path: '/out', tags: [plan.output] }],
      log: { tags: ['log:yes'] },
    }
    const answer = await this.#attempt(() => api.call(plans.apply, { body }))
    if (answer) plan.planId = answer.planId
  }

  /** Changes a tag of a data of its own. */
  async tag(api: KnitApi): Promise<void> {
    const own = this.#known.acknowledged().filter(({ owner }) => owner === this.name)
    const pushed = this.#random.pick(own)
    if (!pushed) return this.push(api)
    const note = this.#random.pick(notes)
    const isThere = pushed.notes.get(note) === true
    setNote(pushed, note, undefined)
    const body = isThere ? { remove: [note] } : { add: [note] }
    const answer = await this.#attempt(() => api.call(data.tag, { knitId: pushed.knitId, body }))
    if (answer) setNote(pushed, note, !isThere)
  }

  /** Finds what anybody has pushed. */
  async find(api: KnitApi): Promise<void> {
    const pushed = this.#random.pick(this.#known.acknowledged())
    if (!pushed) return this.push(api)
    const { changes } = pushed
    const found = await this.#attempt(() => api.call(data.find, { tag: [serialTag(pushed)] }))
    if (!found) return
    assert.deepEqual(
      found.map(({ knitId }) => knitId),
      [pushed.knitId],
    )
    // What was being changed meanwhile may have been seen either way.
    if (pushed.changes === changes) assertNotes(pushed, found[0]?.tags ?? [])
  }

  async pull(api: KnitApi): Promise<void> {
    const pushed = this.#random.pick(this.#known.acknowledged())
    if (!pushed) return this.push(api)
    const digest = await this.#attempt(() => this.pulledDigest(api, pushed.knitId))
    if (digest !== undefined) assert.equal(digest, pushed.digest, `the bytes of ${pushed.serial}`)
  }

  /** Looks what runs there are of what anybody has registered. */
  async look(api: KnitApi): Promise<void> {
    const plan = this.#random.pick(this.#known.registered.filter(({ planId }) => planId))
    if (!plan?.planId) return this.register(api)
    const { planId } = plan
    const shown = await this.#attempt(() => api.call(plans.show, { planId }))
    if (shown) assert.deepEqual(shown.inputs[0]?.tags, [plan.input])
    await this.#attempt(() => api.call(runs.find, { plan: planId }))
  }

  /** The digest of what is pulled. */
  async pulledDigest(api: KnitApi, knitId: string): Promise<string> {
    const target = join(this.#folder, `pulled-${this.#serial()}`)
    await mkdir(target, { recursive: true })
    try {
      return (await unpack(await api.pull(knitId), target)).digest
    } finally {
      await rm(target, { recursive: true })
    }
  }

  async #attempt<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await ask()
      this.#known.serve(this.name)
      return answer
    } catch (error) {
      if (isPassing(error)) return undefined
      throw error
    }
  }

  #serial(): string {
    this.#made += 1
    return `${this.name}-${this.#made}`
  }

  /** A folder with a few files, now and then a large one. */
  async #write(serial: string): Promise<string> {
    const folder = join(this.#folder, serial)
    await mkdir(join(folder, 'below'), { recursive: true })
    const size = this.#random.below(10) === 0 ? 500_000 : 5_000
    for (let file = 0; file <= this.#random.below(3); file += 1)
      await writeFile(join(folder, `file-${file}`), this.#random.bytes(this.#random.below(size)))
    await writeFile(join(folder, 'below', 'serial'), serial)
    return folder
  }
}

/** What the server says of itself that it cannot do now, or a line that broke, is no answer; everything else must be one. */
const isPassing = (error: unknown): boolean =>
  error instanceof ConnectionError ||
  error instanceof MaybeDone ||
  (error instanceof ApiError &&
    ((error.status === 503 && error.retryAfter !== undefined) || error.status === 507))

function setNote(pushed: Acknowledged, note: string, isThere: boolean | undefined): void {
  pushed.notes.set(note, isThere)
  pushed.changes += 1
}

/** The notes of a data are as its owner left them, as far as anybody can know. */
export function assertNotes({ serial, notes }: Acknowledged, tags: readonly string[]): void {
  for (const [note, isThere] of notes)
    if (isThere !== undefined) assert.equal(tags.includes(note), isThere, `${note} of ${serial}`)
}
