/** Where an agent listens, and where it has its volume. */
export const agentPort = 8080
export const agentPath = '/volume'

/** The settings of an agent, as its environment has them. */
export const agentVariables = {
  volume: 'KNIT_AGENT_VOLUME',
  key: 'KNIT_AGENT_KEY',
} as const
