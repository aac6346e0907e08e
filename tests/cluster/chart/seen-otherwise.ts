import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { testConfig } from '#tests/support/kubernetes.ts'

/** What is made of an answer of the API server, by the path that is asked for. */
export type Edits = Record<string, (answer: never) => object>

/** Does some work with another address of the API server, where some of its answers are others. Nothing can be changed there. */
export async function seenOtherwise<T>(
  edits: Edits,
  work: (server: string) => Promise<T>,
): Promise<T> {
  const answer = await answerer(edits)
  const proxy = createServer((request, response) => {
    void answer(request).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => response.writeHead(502).end(String(error)),
    )
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  try {
    return await work(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
  } finally {
    proxy.closeAllConnections()
    proxy.close()
  }
}

/** Asks the API server, as who the tests are, and edits what it says. */
async function answerer(edits: Edits) {
  const { server, credentials } = connectApi(testConfig())
  const own = await credentials()
  return async ({ method, url = '', headers }: IncomingMessage) => {
    if (method !== 'GET') throw new Error(`${method} ${url} would change something`)
    const [path = ''] = url.split('?')
    const edit = edits[path]
    // Who lists kinds would rather have that in another form, and takes this one.
    const accept = edit ? 'application/json' : (headers.accept ?? '*/*')
    const asked = https.get(`${server}${url}`, { ...own, headers: { ...own.headers, accept } })
    const [found] = (await once(asked, 'response')) as [IncomingMessage]
    const body = await buffer(found)
    return {
      status: found.statusCode ?? 502,
      type: found.headers['content-type'] ?? 'application/json',
      body: edit ? JSON.stringify(edit(JSON.parse(body.toString()) as never)) : body,
    }
  }
}
