import type { Readable } from 'node:stream'
import type { Transfers } from './cluster.ts'

/** Logs that can be read where they lie, which are those of a local home: in a cluster it takes rights that no function has. */
export type KeptLogs = {
  /** What the installation itself prints, by its name among people. */
  own(): readonly (readonly [name: string, open: () => Readable])[]
  /** What a program printed. */
  ofRun: Transfers['readLog']
}
