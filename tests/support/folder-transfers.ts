import { EventEmitter } from 'node:events'
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { follow } from '#shared/adapters/local-cluster/follow.ts'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { contentOf, walk } from '#shared/archive/walk.ts'
import type { Measure, Transfers } from '#shared/ports/cluster.ts'

/** Transfers that really unpack and pack: each volume is a folder below one that is removed at the end. */
export class FolderTransfers implements Transfers {
  readonly folder: string
  #ended = new Set<string>()
  #changes = new EventEmitter()

  constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<FolderTransfers> {
    return new FolderTransfers(await mkdtemp(join(tmpdir(), 'volumes-')))
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }

  /** Where a volume is. */
  place = (volume: string): string => join(this.folder, volume)

  /** Makes the folder of a volume; for the `before` of a scripted cluster. */
  before = (operation: string, volume: string): void => {
    if (operation === 'ensureVolume') mkdirSync(this.place(volume), { recursive: true })
  }

  /** Says that a worker has ended, so that its log has nothing more to come. */
  end(worker: string): void {
    this.#ended.add(worker)
    this.#changes.emit(worker)
  }

  receive(volume: string, archive: Readable): Promise<Measure> {
    return unpack(archive, this.place(volume))
  }

  async send(volume: string): Promise<Readable> {
    return pack(this.place(volume))
  }

  async readLog(volume: string): Promise<Readable> {
    return Readable.from(contents(this.place(volume)), { objectMode: false })
  }

  async followLog(worker: string, volume: string, signal: AbortSignal): Promise<Readable> {
    return follow({
      folder: this.place(volume),
      file: 'log',
      isOver: () => this.#ended.has(worker),
      listen: (listener) => {
        this.#changes.on(worker, listener)
        return () => this.#changes.off(worker, listener)
      },
      signal,
    })
  }
}

async function* contents(folder: string) {
  for await (const found of walk(folder)) {
    if (found.kind === 'file') yield* contentOf(found)
  }
}
