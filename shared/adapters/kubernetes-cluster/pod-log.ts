import type { IncomingMessage } from 'node:http'
import https, { type RequestOptions } from 'node:https'

export type PodLog = {
  server: string
  namespace: string
  pod: string
  container: string
  options: RequestOptions
  signal?: AbortSignal
}

/** What a container prints, from its first byte until it ends; undefined when it has not begun, or there is no such Pod. */
export async function openPodLog(log: PodLog): Promise<IncomingMessage | undefined> {
  const answer = await request(log)
  if (answer.statusCode === 200) return answer
  answer.resume()
  if (answer.statusCode === 400 || answer.statusCode === 404) return undefined
  throw new Error(`the log of ${log.pod} cannot be read: status ${answer.statusCode}`)
}

function request({ server, namespace, pod, container, options, signal }: PodLog) {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}&follow=true`
  return new Promise<IncomingMessage>((resolve, reject) => {
    https
      .get(new URL(path, server), { ...options, ...(signal && { signal }) }, resolve)
      .once('error', reject)
  })
}
