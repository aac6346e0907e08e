import type { OnNode } from './on-node.ts'

export type VolumeSpec = {
  name: string
  labels: Record<string, string>
}

/** `bytes` of all regular files, number of entries that are not directories, and a digest of the whole tree (`sha256:` + hex). */
export type Measure = {
  bytes: number
  files: number
  digest: string
}

export type WorkerSpec = {
  /** `worker-run-<runId>-<attempt>` */
  name: string
  labels: Record<string, string>
  /** `repository:tag` */
  image: string
  entrypoint: string[]
  args: string[]
  env: Record<string, string>
  /** Mounted read-only. The same volume may appear more than once. */
  inputs: VolumeMount[]
  /** Mounted writable; each must be an empty directory when the program starts. */
  outputs: VolumeMount[]
  /** Volume that receives stdout and stderr as the file `log`. Not mounted into the program's view. */
  logVolume?: string
  /** By resource name, in base units (cores, bytes, pieces). */
  limits: Record<string, number>
  /** Whether the program may use the network. Homes that always give one ignore this. */
  network: boolean
  onNode: OnNode
  serviceAccount?: string
  /** The `traceparent` of its program's execution, where that is recorded. */
  traceparent?: string
}

export type VolumeMount = { volume: string; path: string }
