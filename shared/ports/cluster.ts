import type { Readable } from 'node:stream'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import type { Part, Received } from '#shared/domain/archive-part.ts'
import type { Coding } from '#shared/domain/archive-type.ts'
import type { ByteRange, FileBytes } from '#shared/domain/byte-range.ts'
import type { FileList, FilesAsked } from '#shared/domain/file-list.ts'
import type { FailureCause as RunFailureCause } from '#shared/domain/run.ts'
import type { Measure, VolumeSpec, WorkerSpec } from '#shared/domain/worker.ts'

export type { Part, Received } from '#shared/domain/archive-part.ts'
export type { ByteRange } from '#shared/domain/byte-range.ts'
export type { FileList, FilesAsked } from '#shared/domain/file-list.ts'
export type { Measure, VolumeMount, VolumeSpec, WorkerSpec } from '#shared/domain/worker.ts'

/**
 * Where Data are kept and Runs are executed. Every call is idempotent: what already is as asked is
 * success, what is already gone is success. An adapter throws only when it could not find out.
 */
export interface Cluster {
  /** Makes an empty volume; one of that name that exists is left as it is. */
  ensureVolume(volume: VolumeSpec): Promise<void>
  /** Deletes a volume with everything in it. */
  deleteVolume(name: string): Promise<void>
  /** Takes a volume that somebody else makes for one of ours, if it is there: one may be `pending`, without room of its own yet. */
  adoptVolume(name: string): Promise<'ready' | 'pending' | 'absent'>
  /** The names of all volumes there are, page by page: there may be millions. */
  listVolumes(): Promise<AsyncIterable<string[]>>
  /**
   * Size, files and digest of a volume nobody writes to any more, which is on disk for good by then; undefined when it does not
   * exist. Throws `ArchiveError` for content that cannot be kept as data.
   */
  measureVolume(name: string): Promise<Measure | undefined>

  /** Creates a worker, suspended: its program does not run before `releaseWorker`. A worker of that name is returned as it is. */
  ensureWorker(spec: WorkerSpec): Promise<Worker>
  /** Lets the program of exactly this worker (name and uid) start, once; anything else is left alone. */
  releaseWorker(worker: Pick<Worker, 'name' | 'uid'>): Promise<void>
  /** The worker as it truly is now; undefined when there is none. */
  findWorker(name: string): Promise<Worker | undefined>
  /** The workers there are; how they are, `findWorker` tells. */
  listWorkers(): Promise<WorkerName[]>
  /**
   * Stops a worker with everything it started and forgets it. Its end may take a while: `findWorker` tells. With `force` it is
   * forgotten at once, though nobody knows whether it has ended: for machines that do not answer.
   */
  deleteWorker(name: string, options?: { force: boolean }): Promise<void>

  /** What all workers together may use, by resource name, in base units (cores, bytes, pieces). */
  capacity(): Promise<ReadonlyMap<string, number>>
}

/** The names of all volumes there are, at once. */
export const allVolumesOf = async (cluster: Pick<Cluster, 'listVolumes'>): Promise<string[]> =>
  (await Array.fromAsync(await cluster.listVolumes())).flat()

/** There is no volume of that name: nothing was ever written to it, or it has been deleted. */
export class NoSuchVolume extends Error {
  override readonly name = 'NoSuchVolume'
}

/** By a limit that somebody has set there is no room for it just now: asked again there may be, however long that takes. */
export class NoRoomNow extends Error {
  override readonly name = 'NoRoomNow'
}

/** Whoever does it cannot be reached, or is not able to just now: asked again he may be, however long that takes. */
export class Away extends Error {
  override readonly name = 'Away'
}

/** It cannot be done as it is asked for, however often it is tried. */
export class Impossible extends Error {
  override readonly name = 'Impossible'
}

/**
 * A volume is not made, or nothing gets at what is in it; the message says what is in the way, and what to do. That is nobody's fault who
 * asked: when an admin has seen to it, it goes on.
 */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Bytes of a file, and which of it they are. */
export type FilePart = FileBytes & { content: Readable }

/** How bytes get into volumes and out of them. Every call throws `NoSuchVolume` for a volume that is not there. Nothing is ever held in memory whole. */
export interface Transfers {
  /**
   * Unpacks a compressed tar stream into an existing, empty volume and flushes it to disk: all of it, or a part that follows what came
   * before. On any failure the volume is left empty, but for a line that breaks: what came is kept for as long as the part says.
   * Throws `ArchiveError` for what is wrong with the archive, or more than the limits of its first part; of parts also `WrongOffset`,
   * `TakenOver` and `NotKept`.
   */
  receive(volume: string, archive: Readable, part?: Part, limits?: ArchiveLimits): Promise<Received>
  /**
   * The volume as a compressed tar stream, the same bytes each time as long as nobody writes to it; destroyed with an error when it
   * cannot be read to the end.
   */
  send(volume: string, coding?: Coding): Promise<Sending>
  /**
   * A part of what a volume holds, or of what is at a path in it; nothing else of it is read. Throws `NoSuchFile`, and `Unreadable` for
   * what cannot be listed.
   */
  listFiles(volume: string, asked: FilesAsked): Promise<FileList>
  /**
   * The bytes of one file of a volume, or those of a range, which the stream ends with or fails. Links are followed as long as they stay
   * in the volume. Throws `NoSuchFile`, `NotAFile`, `Unreadable`, and `NoSuchBytes` of a range.
   */
  readFile(volume: string, path: string, range?: ByteRange): Promise<FilePart>
  /** The stored bytes of all files of a volume, one after another: how a log is read. */
  readLog(volume: string): Promise<Readable>
  /** What the worker writes to its log, from the first byte until the worker has ended; ends early when `signal` aborts. */
  followLog(worker: string, volume: string, signal: AbortSignal): Promise<Readable>
  /** Removes what transfers left behind that are over. */
  tidyTransfers(): Promise<void>
}

/** A volume on its way: when it has ended, `digest` is that of all that was read for it, where whoever reads tells. */
export type Sending = Readable & { digest?(): string | undefined }

/** What can be asked of a cluster with a right to it; what it has room for, anybody may know. */
export type ClusterCall = Exclude<keyof Cluster, 'capacity'> | keyof Transfers

export type WorkerName = {
  name: string
  /** Differs between two workers that had the same name one after the other. */
  uid: string
  labels: Record<string, string>
}

export type Worker = WorkerName & { state: WorkerState }

/**
 * `suspended` waits for its release; `pending` was released and has not begun; the rest is what it says.
 * `reason` tells people why it does not go on.
 */
export type WorkerState =
  | { phase: 'suspended' }
  | {
      phase: 'pending'
      reason?: string
      /** Whether it only waits for others to end: that may take any time. */
      queued?: true
    }
  | { phase: 'running'; startedAt: Date; image?: string }
  | {
      phase: 'succeeded'
      startedAt: Date
      endedAt: Date
      image?: string
      /** What its volumes hold, as far as that is known already, by their names. */
      measures?: Record<string, Measure>
    }
  | {
      phase: 'failed'
      startedAt?: Date
      endedAt: Date
      exitCode: number
      message: string
      cause: FailureCause
      image?: string
    }

/** What a worker's failure is to be laid to; a user's wish is none of them. */
export type FailureCause = Exclude<RunFailureCause, 'user'>
