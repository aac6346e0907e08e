import http, { type IncomingMessage } from 'node:http'
import { finished, type Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { ArchiveError, type ArchiveErrorCode } from '#shared/archive/archive-error.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import { signCall } from './agent-identity.ts'

/** What is asked of an agent about a volume: `part` is what of it, as `content`; all of it, unless given. */
export type AgentCall = {
  method?: 'GET' | 'PUT' | 'DELETE'
  part?: 'content' | 'log' | 'measure'
  body?: Readable
}

/** What an agent answers where something is wrong. */
export type Complaint = { code?: ArchiveErrorCode | 'no-such-volume'; message: string }

/** Calls the agent at an address. Throws `NoSuchVolume`, and `ArchiveError` where the agent did. */
export async function callAgent(
  address: string,
  signingKey: string,
  volume: string,
  call: AgentCall = {},
): Promise<IncomingMessage> {
  const url = new URL([volume, call.part].filter(Boolean).join('/'), `${address}/`)
  const answer = await request(url, await signCall(volume, signingKey), call)
  if (answer.statusCode === 200) return answer
  throw await failureIn(answer, volume)
}

/** Resolves with the answer, which may come before all of the body was sent: then the rest is not wanted. */
function request(url: URL, token: string, call: AgentCall): Promise<IncomingMessage> {
  const { method = 'GET', body } = call
  return new Promise((resolve, reject) => {
    const asked = http.request(url, { method, headers: { authorization: `Bearer ${token}` } })
    asked.once('error', reject)
    asked.once('response', (answer) => {
      body?.unpipe(asked)
      resolve(answer)
    })
    if (!body) {
      asked.end()
      return
    }
    finished(body, { writable: false }, (error) => error && asked.destroy(error))
    body.pipe(asked)
  })
}

async function failureIn(answer: IncomingMessage, volume: string): Promise<Error> {
  const { statusCode } = answer
  const { code, message } = ((await json(answer).catch(() => undefined)) ??
    {}) as Partial<Complaint>
  answer.destroy()
  const why = message ?? `status ${statusCode}`
  if (code === 'no-such-volume') return new NoSuchVolume(why)
  if (code) return new ArchiveError(code, why)
  return new Error(`the agent of the volume ${volume} failed: ${why}`)
}
