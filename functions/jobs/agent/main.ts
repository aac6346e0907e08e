import { isCall } from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import {
  agentPath,
  agentPort,
  agentVariables,
} from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { createAgent } from './agent.ts'

/** Gives and takes the bytes of the volume of its Pod, until nobody has asked for a while. */
const { [agentVariables.volume]: volume = '', [agentVariables.key]: key = '' } = process.env
const idle = 60_000

const agent = createAgent({
  folder: agentPath,
  mayCall: (token) => isCall(token, volume, key),
  idle,
  onIdle: () => stop(),
})
const stop = () => {
  agent.close(() => process.exit(0))
  agent.closeIdleConnections()
}
process.once('SIGTERM', stop)
agent.listen(agentPort, () => console.log(`serving ${volume}`))
