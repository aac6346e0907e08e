import http, { type IncomingMessage } from 'node:http'
import https, { type RequestOptions } from 'node:https'

export type PodLog = {
  server: string
  namespace: string
  pod: string
  container: string
  options: RequestOptions
  signal?: AbortSignal
}

/** The API server does not let this account read logs. */
export class LogForbidden extends Error {}

/** What a container prints, with stamps, from the first byte that there still is until it ends; undefined when it has not begun, or there is no such Pod. */
export async function openPodLog(log: PodLog): Promise<IncomingMessage | undefined> {
  const answer = await request(log)
  if (answer.statusCode === 200) return answer
  answer.resume()
  if (answer.statusCode === 400 || answer.statusCode === 404) return undefined
  const what = `the log of ${log.pod} cannot be read`
  if (answer.statusCode === 403)
    throw new LogForbidden(`${what}: its account needs the verb get of pods/log`)
  throw new Error(`${what}: status ${answer.statusCode}`)
}

// Milliseconds.
const patience = 30_000
const keepAlive = 10_000

function request({ server, namespace, pod, container, options, signal }: PodLog) {
  // By stamps its lines are told from what a kubelet has to say for itself, also with status 200. Not with `sinceTime`: of a long
  // line that began before then there would be the later parts, which bear none.
  const query = `container=${container}&follow=true&timestamps=true`
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?${query}`
  return new Promise<IncomingMessage>((resolve, reject) => {
    const { get } = server.startsWith('https:') ? https : http
    const asked = get(new URL(path, server), {
      ...options,
      timeout: patience,
      ...(signal && { signal }),
    })
    asked.once('timeout', () => asked.destroy(new Error('the API server did not answer in time')))
    asked.once('error', reject)
    asked.once('response', (answer) => {
      // A program may print nothing for long.
      answer.socket.setTimeout(0).setKeepAlive(true, keepAlive)
      resolve(answer)
    })
  })
}
