import type { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { Away, NoSuchVolume } from '#shared/ports/cluster.ts'
import { callAgent, type AgentCall } from './agent-call.ts'
import { allVolumes } from './agent-variables.ts'
import type { ClusterSettings, SharedSettings } from './settings.ts'
import { transfersBy } from './transfers.ts'
import type { Volumes } from './volumes.ts'

// One that is replaced by another is away for as long as that takes to start.
const patience = 30_000
const lookAgain = 200

/** Volumes as directories of one claim: the agent that has it mounted does everything with them. */
export function directoriesIn(
  { namespace, signingKey }: ClusterSettings,
  { agentUrl }: SharedSettings,
): Volumes {
  const call = async (volume: string, call?: AgentCall) => {
    const end = Date.now() + patience
    for (;;) {
      try {
        return await callAgent(agentUrl, signingKey, volume, call)
      } catch (error) {
        if (!(error instanceof Away)) throw error
        // What was sent of a stream cannot be sent again.
        if (call?.body || Date.now() > end) throw inWords(namespace, error)
      }
      await pause(lookAgain)
    }
  }
  const tell = async (volume: string, what?: AgentCall) => {
    await json(await call(volume, what))
  }
  const requireVolume = (name: string) => tell(name)
  return {
    ...transfersBy((volume, _mode, what) => call(volume, what)),
    ensureVolume: ({ name }) => tell(name, { method: 'PUT' }),
    deleteVolume: (name) => tell(name, { method: 'DELETE' }),
    async adoptVolume(name) {
      try {
        await requireVolume(name)
        return 'ready'
      } catch (error) {
        if (error instanceof NoSuchVolume) return 'absent'
        throw error
      }
    },
    listVolumes: async () => pagesIn(await call(allVolumes)),
    requireVolume,
    // The kubelet would make a directory that is missing, as its own.
    async requireMounts(names) {
      await Promise.all(names.map(requireVolume))
    },
    // The agent is there for ever.
    async tidyTransfers() {},
  }
}

/** A page of names in each line. */
async function* pagesIn(stream: Readable): AsyncGenerator<string[]> {
  let rest = ''
  for await (const text of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as string[]
  }
  if (rest) yield JSON.parse(rest) as string[]
}

function inWords(namespace: string, { message, cause }: Away): Away {
  const next = `See what its Pod waits for: kubectl -n ${namespace} describe pod -l app.kubernetes.io/component=agent`
  return new Away(`the Data cannot be got at: ${message}. ${next}`, { cause })
}
