import { writeFileSync } from 'node:fs'
import { request, createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { cacheOf, loadScript } from './load-script.ts'

// Part of the build: starts a bundled function, has it answer, and keeps what V8 has compiled for that.

const [file = ''] = process.argv.slice(2)
const path = resolve(file)
Object.assign(process.env, {
  KNIT_HOST: '127.0.0.1',
  KNIT_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  KNIT_SIGNING_KEY: 'a key for nothing but the build of bundles',
  KNIT_LOG_LEVEL: 'error',
})

const server = createServer()
const { exports, script } = loadScript<{ prepare(server: Server): RequestListener }>(path)
server.on('request', exports.prepare(server))
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo
  for (const [method, target] of [
    ['GET', '/healthz'],
    ['GET', '/readyz'],
    ['GET', '/api/data'],
    ['POST', '/'],
  ] as const)
    await new Promise((answered) =>
      request({ port, method, path: target }, (response) =>
        response.resume().on('end', answered),
      ).end(),
    )
  writeFileSync(cacheOf(path), script.createCachedData())
  process.exit(0)
})
