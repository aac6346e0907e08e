import '#shared/files/private-memory.ts'
import { isCall, publicKeyFrom } from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import {
  agentFolders,
  agentPort,
  agentVariables,
} from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { emptyTrash } from '#shared/files/trash.ts'
import { makeFolder } from '#shared/files/make-folder.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import { createAgent } from './agent.ts'

/** Gives and takes the bytes of volumes: of the one of its Pod until nobody has asked for a while, or of all for ever. */
const { KNIT_SIGNING_KEY: signingKey = '', ...env } = process.env
const key = env[agentVariables.key] ?? publicKeyFrom(signingKey)
const idle = Number(env[agentVariables.idle])

if (!idle) prepareStorage()
const agent = createAgent({
  folders: agentFolders,
  mayCall: (token, about) => isCall(token, about, key),
  idle: idle ? { after: 1000 * idle, end: () => stop() } : undefined,
})
const stop = () => {
  agent.close(() => process.exit(0))
  agent.closeIdleConnections()
}
process.once('SIGTERM', stop)
agent.listen(agentPort, () => console.log('serving'))

function prepareStorage(): void {
  const { volumes, trash } = agentFolders
  try {
    makeFolder(volumes, 0o755)
    makeFolder(trash, 0o700)
  } catch (error) {
    console.error(
      `The claim of all Data cannot be used: ${plainMessage(error as Error)}. The user 65532 has to be able to write to it.`,
    )
    process.exit(1)
  }
  // What is still there is tried again by whoever wanted it deleted.
  emptyTrash(agentFolders).catch((error: unknown) => console.error(error))
}
