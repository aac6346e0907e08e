import http, { type IncomingMessage } from 'node:http'
import { finished, type Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { ArchiveError, type ArchiveErrorCode } from '#shared/archive/archive-error.ts'
import { NoSuchBytes, NoSuchFile, NotAFile, Unreadable } from '#shared/archive/file-error.ts'
import { NotKept, TakenOver, WrongOffset } from '#shared/archive/reception-error.ts'
import { Away, NoSuchVolume } from '#shared/ports/cluster.ts'
import { signCall } from './agent-identity.ts'
import { heartbeat } from './agent-variables.ts'

/** What is asked of an agent about a volume: `part` is what of it, as `content`; all of it, unless given. */
export type AgentCall = {
  method?: 'GET' | 'PUT' | 'DELETE'
  part?: 'content' | 'log' | 'measure' | 'files' | 'file'
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Readable
}

/** What an agent answers where something is wrong; the code is an archive's, or one of the system's of no room. */
export type Complaint = {
  code?:
    | ArchiveErrorCode
    | 'no-such-volume'
    | 'not-kept'
    | 'taken-over'
    | 'wrong-offset'
    | 'no-such-file'
    | 'not-a-file'
    | 'unreadable'
    | 'no-such-bytes'
    | 'ENOSPC'
    | 'EDQUOT'
  message: string
  /** How much has come, where something else was expected. */
  received?: { bytes: number; md5: string }
  /** How large a file is, of which other bytes were asked for. */
  size?: number
}

// Milliseconds after which an agent from which nothing comes is lost, with its node or on the way.
const lost = 6 * heartbeat

/** The agent does not know us: it was made for another key. */
export class Stranger extends Error {
  override readonly name = 'Stranger'
}

/**
 * Calls the agent at an address. Throws `NoSuchVolume`, `ArchiveError` and what files may fail by where the agent did, `Away` where none
 * answers, or one that does not know what it is asked, and `Stranger`.
 */
export async function callAgent(
  address: string,
  signingKey: string,
  volume: string,
  call: AgentCall = {},
  patience = lost,
): Promise<IncomingMessage> {
  const url = new URL([volume, call.part].filter(Boolean).join('/'), `${address}/`)
  url.search = String(new URLSearchParams(call.query))
  const answer = await request(url, await signCall(volume, signingKey), call, patience)
  if (answer.statusCode === 200) return answer
  throw await failureIn(answer, volume)
}

/** Resolves with the answer, which may come before all of the body was sent: then the rest is not wanted. */
function request(
  url: URL,
  token: string,
  { method = 'GET', headers, body }: AgentCall,
  patience: number,
): Promise<IncomingMessage> {
  const own = { ...headers, authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    let ofBody: unknown
    const asked = http.request(url, { method, headers: own, timeout: patience })
    asked.once('timeout', () => asked.destroy(new Error(`nothing for ${patience / 1000} s`)))
    asked.once('error', (error) => reject(error === ofBody ? error : away(url, error)))
    asked.once('response', (answer) => {
      body?.unpipe(asked)
      // Who reads it takes the time that he needs.
      answer.socket.setTimeout(0).setKeepAlive(true, heartbeat)
      resolve(answer)
    })
    if (!body) {
      asked.end()
      return
    }
    finished(body, { writable: false }, (error) => {
      ofBody = error
      if (error) asked.destroy(error)
    })
    body.pipe(asked)
  })
}

const away = ({ host }: URL, error: Error): Away =>
  new Away(`the agent at ${host} does not answer: ${error.message}`, { cause: error })

async function failureIn(answer: IncomingMessage, volume: string): Promise<Error> {
  const { statusCode } = answer
  const { code, message, received, size } = ((await json(answer).catch(() => undefined)) ??
    {}) as Partial<Complaint>
  answer.destroy()
  const why = message ?? `status ${statusCode}`
  if (code === 'no-such-volume') return new NoSuchVolume(why)
  if (code === 'not-kept') return new NotKept(why)
  if (code === 'taken-over') return new TakenOver(why)
  if (code === 'wrong-offset') return new WrongOffset(received ?? { bytes: 0, md5: '' })
  if (code === 'no-such-file') return new NoSuchFile(why)
  if (code === 'not-a-file') return new NotAFile(why)
  if (code === 'unreadable') return new Unreadable(why)
  if (code === 'no-such-bytes') return new NoSuchBytes(size ?? 0)
  if (code === 'ENOSPC' || code === 'EDQUOT') return Object.assign(new Error(why), { code })
  if (code) return new ArchiveError(code, why)
  if (statusCode === 401) return new Stranger(`the agent of the volume ${volume} says: ${why}`)
  // It is of a release before, and about to be replaced.
  if (statusCode === 404) return new Away(`the agent of the volume ${volume} says: ${why}`)
  return new Error(`the agent of the volume ${volume} failed: ${why}`)
}
