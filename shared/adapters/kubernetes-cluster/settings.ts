/** Each Data in a claim of its own. */
export type ClaimSettings = {
  layout: 'per-data'
  /** The cluster's own default when ''. */
  storageClass: string
  accessMode: string
  size: string
}

/** All Data in one claim, which an agent has mounted. */
export type SharedSettings = { layout: 'shared'; agentUrl: string }

/** What the adapter has to know of its cluster. */
export type ClusterSettings = {
  namespace: string
  /** Our own image: of agents, of the sidecar that keeps logs, of the check before a program begins. */
  image: string
  volumes: ClaimSettings | SharedSettings
  workers: {
    /** The cluster's own default when ''. */
    priorityClass: string
    /** Accounts a plan may name. */
    serviceAccounts: readonly string[]
    /** Names of secrets for the registries that plans' images are in. */
    pullSecrets: readonly string[]
    /** Seconds a program may take to end by itself when it is stopped. */
    grace: number
  }
  /** What signs calls of agents. */
  signingKey: string
}
