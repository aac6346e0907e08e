import type { V1PodSpec, V1ResourceRequirements } from '@kubernetes/client-node'

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

/** Where agents run, and what they may take. */
export type AgentSettings = Pick<
  V1PodSpec,
  'nodeSelector' | 'tolerations' | 'affinity' | 'topologySpreadConstraints' | 'priorityClassName'
> & {
  resources?: V1ResourceRequirements
  /** Seconds for which one is kept that nobody asks; a minute, unless given. */
  idle?: number
}

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
    /** Names of secrets for the registries of images, ours too. */
    pullSecrets: readonly string[]
    /** `baseline`: programs are who their images say. `restricted`: anybody but root, and so is what stands beside them. */
    profile: 'baseline' | 'restricted'
    /** Seconds a program may take to end by itself when it is stopped. */
    grace: number
    /** Seconds it may take when others end it than we, and what stands beside it when it has ended by itself. */
    podGrace: number
  }
  agents: AgentSettings
  /** What signs calls of agents. */
  signingKey: string
}
