import type { ClusterCall } from '#shared/ports/cluster.ts'

/** A rule of a Role, by the plural names of what it is about. */
export type Rule = { group: '' | 'batch'; resources: readonly string[]; verbs: readonly string[] }

/** The account of a worker's Pod, unless its plan names one. */
export const workerAccount = 'knit-worker'

/** What the keeper of a worker's log asks of the API server. */
export const workerRights: readonly Rule[] = [
  { group: '', resources: ['pods/log'], verbs: ['get'] },
]

const agents: Rule[] = [
  { group: '', resources: ['pods'], verbs: ['create', 'delete', 'get'] },
  { group: '', resources: ['events'], verbs: ['list'] },
  { group: '', resources: ['persistentvolumeclaims'], verbs: ['get'] },
]

/** What each call asks of the API server where each Data has a claim; the Role of a function is made of the rules of the calls it makes. */
export const rights: Record<ClusterCall, readonly Rule[]> = {
  ensureVolume: [{ group: '', resources: ['persistentvolumeclaims'], verbs: ['create', 'get'] }],
  deleteVolume: [
    { group: '', resources: ['persistentvolumeclaims'], verbs: ['delete', 'get'] },
    { group: '', resources: ['pods'], verbs: ['delete', 'list'] },
  ],
  adoptVolume: [{ group: '', resources: ['persistentvolumeclaims'], verbs: ['get', 'patch'] }],
  listVolumes: [{ group: '', resources: ['persistentvolumeclaims'], verbs: ['list'] }],
  // Outputs are measured where their log is kept; an agent measures those of which that was not heard: of a Pod that was killed, or lost with its node.
  measureVolume: agents,
  ensureWorker: [
    { group: 'batch', resources: ['jobs'], verbs: ['create', 'get'] },
    { group: '', resources: ['pods', 'events'], verbs: ['list'] },
  ],
  releaseWorker: [{ group: 'batch', resources: ['jobs'], verbs: ['get', 'patch'] }],
  findWorker: [
    { group: 'batch', resources: ['jobs'], verbs: ['get'] },
    { group: '', resources: ['pods', 'events'], verbs: ['list'] },
  ],
  listWorkers: [{ group: 'batch', resources: ['jobs'], verbs: ['list'] }],
  deleteWorker: [
    { group: 'batch', resources: ['jobs'], verbs: ['delete', 'get'] },
    { group: '', resources: ['pods'], verbs: ['delete', 'list'] },
  ],
  receive: agents,
  send: agents,
  listFiles: agents,
  readFile: agents,
  readLog: agents,
  tidyTransfers: [{ group: '', resources: ['pods'], verbs: ['delete', 'list'] }],
  followLog: [
    ...agents,
    { group: 'batch', resources: ['jobs'], verbs: ['get'] },
    { group: '', resources: ['pods'], verbs: ['list'] },
    { group: '', resources: ['pods/log'], verbs: ['get'] },
  ],
}

/** The same where all Data is in one claim: its agent does with it what is asked, and the API server is not asked at all. */
export const rightsShared: typeof rights = {
  ...rights,
  ensureVolume: [],
  deleteVolume: [],
  adoptVolume: [],
  listVolumes: [],
  measureVolume: [],
  receive: [],
  send: [],
  listFiles: [],
  readFile: [],
  readLog: [],
  tidyTransfers: [],
  followLog: rights.followLog.filter((rule) => !agents.includes(rule)),
}
