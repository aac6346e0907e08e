import type { IncomingMessage } from 'node:http'
import https, { type RequestOptions } from 'node:https'
import { testConfig } from './kubernetes.ts'

type Asked = {
  method: string
  path: string
  body?: string
  type?: string
  /** Whose the request is; that of the tests, who may do everything, unless given. */
  token?: string
}

export type Answer = { status: number; warnings: string[] }

/** Asks the API server for what its client does not tell: which status it answers, and of what it warns. */
export type AskApiServer = (asked: Asked) => Promise<Answer>

export async function apiServer(): Promise<AskApiServer> {
  const config = testConfig()
  const server = config.getCurrentCluster()?.server ?? ''
  const own: RequestOptions = {}
  await config.applyToHTTPSOptions(own)
  const { ca, ...credentials } = own
  const agent = new https.Agent({ keepAlive: true, maxSockets: 16 })
  return ({ method, path, body, type = 'application/json', token }) => {
    const who = token ? { headers: { authorization: `Bearer ${token}` } } : credentials
    const headers = { ...who.headers, ...(body !== undefined && { 'content-type': type }) }
    return new Promise((resolve, reject) => {
      https
        .request(new URL(path, server), { ...who, ca, agent, method, headers }, (answer) =>
          resolve(headOf(answer)),
        )
        .once('error', reject)
        .end(body)
    })
  }
}

/** A watch has no end, so only of what has one the rest is read, for the next request to use the line. */
function headOf(answer: IncomingMessage): Answer {
  if (answer.headers['content-length'] === undefined) answer.destroy()
  else answer.resume()
  return { status: answer.statusCode ?? 0, warnings: answer.headersDistinct['warning'] ?? [] }
}
