import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { Refused, type Api } from './api.ts'

/** How much of a claim is used, in bytes. */
export type VolumeUse = { namespace: string; claim: string; used: number }

/** What a kubelet says of itself, as far as it matters here. */
type Summary = {
  pods?: {
    volume?: { usedBytes?: number; pvcRef?: { name: string; namespace: string } }[]
  }[]
}

// Milliseconds.
const patience = 30_000

/** How much is used of each claim that a Pod of a node has mounted, as its kubelet has last measured it. */
export async function volumeUseOn(api: Api, node: string): Promise<VolumeUse[]> {
  const what = `the kubelet of ${node} cannot be asked how full its volumes are`
  const answer = await ask(api, `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`)
  const said = await text(answer)
  if (answer.statusCode !== 200)
    throw new Refused(answer.statusCode ?? 0, `${what}: ${said.slice(0, 1000)}`)
  const { pods = [] } = JSON.parse(said) as Summary
  return pods.flatMap(({ volume = [] }) =>
    volume.flatMap(({ usedBytes, pvcRef }) =>
      pvcRef && usedBytes !== undefined
        ? [{ namespace: pvcRef.namespace, claim: pvcRef.name, used: usedBytes }]
        : [],
    ),
  )
}

/** The client of Kubernetes would take the path of the kubelet for one word. */
async function ask({ server, credentials }: Api, path: string): Promise<IncomingMessage> {
  const { get } = server.startsWith('https:') ? https : http
  const options = await credentials()
  return new Promise((resolve, reject) => {
    const asked = get(new URL(path, server), { ...options, timeout: patience })
    asked.once('timeout', () => asked.destroy(new Error('the API server did not answer in time')))
    asked.once('error', reject)
    asked.once('response', resolve)
  })
}
