import { KubeConfig } from '@kubernetes/client-node'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectApi, type Api } from './api.ts'

/** The API of a server that answers as a test says. */
export async function apiServedBy(
  answer: RequestListener,
  patience?: number,
): Promise<{ api: Api; close(): void }> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    { name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'test' },
  )
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { api: connectApi(config, patience), close }
}
