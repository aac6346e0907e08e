import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import { follow } from '#shared/adapters/local-cluster/follow.ts'
import { openHome, type Home } from '#shared/adapters/local-cluster/home.ts'
import { volumesIn } from '#shared/adapters/local-cluster/volumes.ts'
import type { Coding } from '#shared/domain/archive-type.ts'
import type {
  ByteRange,
  FileList,
  FilePart,
  FilesAsked,
  Received,
  Transfers,
} from '#shared/ports/cluster.ts'

/** Transfers that really unpack and pack: each volume is a folder below one that is removed at the end. */
export class FolderTransfers implements Transfers {
  readonly folder: string
  #home: Home
  #volumes: ReturnType<typeof volumesIn>
  #ended = new Set<string>()
  #changes = new EventEmitter()

  constructor(folder: string) {
    this.folder = folder
    this.#home = openHome(folder)
    this.#volumes = volumesIn(this.#home)
  }

  static async open(): Promise<FolderTransfers> {
    return new FolderTransfers(await mkdtemp(join(tmpdir(), 'volumes-')))
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }

  /** Where a volume is. */
  place = (volume: string): string => volumeFolder(this.#home, volume)

  /** Makes the folder of a volume; for the `before` of a scripted cluster. */
  before = async (operation: string, name: string): Promise<void> => {
    if (operation === 'ensureVolume') await this.#volumes.ensureVolume({ name, labels: {} })
  }

  /** Says that a worker has ended, so that its log has nothing more to come. */
  end(worker: string): void {
    this.#ended.add(worker)
    this.#changes.emit(worker)
  }

  receive = (...received: Parameters<Transfers['receive']>): Promise<Received> =>
    this.#volumes.receive(...received)
  send = (volume: string, coding?: Coding): Promise<Readable> => this.#volumes.send(volume, coding)
  listFiles = (volume: string, asked: FilesAsked): Promise<FileList> =>
    this.#volumes.listFiles(volume, asked)
  readFile = (volume: string, path: string, range?: ByteRange): Promise<FilePart> =>
    this.#volumes.readFile(volume, path, range)
  readLog = (volume: string): Promise<Readable> => this.#volumes.readLog(volume)

  async tidyTransfers(): Promise<void> {}

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
