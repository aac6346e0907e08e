import type { VolumeFolders } from '#shared/adapters/folder-volumes.ts'

/** Where an agent listens. */
export const agentPort = 8080

/** Where an agent has its storage: the one claim of all Data, or below `volumes` a claim of one Data. */
export const agentPath = '/data'

/** In the one claim of all Data, the folder with a folder for each. */
export const volumesFolder = 'volumes'

export const agentFolders: VolumeFolders = {
  volumes: `${agentPath}/${volumesFolder}`,
  trash: `${agentPath}/trash`,
}

/** The settings of an agent, as its environment has them. The agent of all Data has neither, and the signing key itself. */
export const agentVariables = {
  key: 'KNIT_AGENT_KEY',
  /** Seconds without a call after which it is not needed any more. */
  idle: 'KNIT_AGENT_IDLE',
} as const

/** What a call is about that is about no volume in particular. */
export const allVolumes = 'all'

/** Milliseconds after which an agent says again that it is at work. */
export const heartbeat = 10_000
