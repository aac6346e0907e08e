import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { afterEach, expect, test as base, vi } from 'vitest'
import { certificates } from '#tests/support/certificates.ts'
import { temporaryFolder } from '#tests/support/local-home.ts'
import { httpsServer } from './http-server.ts'
import { certificateIn, followCertificate } from './tls.ts'
import { answer } from './web.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const { path, remove } = await temporaryFolder('knit-tls-')
    await use(path)
    await remove()
  },
})

function place(folder: string, { cert, key }: { cert: string; key: string }): void {
  writeFileSync(join(folder, 'tls.crt'), cert)
  writeFileSync(join(folder, 'tls.key'), key)
}

/** Whose certificate is shown to somebody who connects, and what is answered. */
async function ask(
  port: number,
): Promise<{ name: PeerCertificate['subject']['CN']; status: number | undefined }> {
  const request = get({ port, host: '127.0.0.1', rejectUnauthorized: false, agent: false })
  const [response] = await once(request, 'response')
  const name = (response.socket as TLSSocket).getPeerCertificate().subject.CN
  response.resume()
  await once(response, 'end')
  return { name, status: response.statusCode }
}

afterEach(() => vi.useRealTimers())

test('a renewed certificate is shown to whoever connects next, and half a one to nobody', async ({
  folder,
}) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  place(folder, certificates.first)
  const server = httpsServer(() => answer('ok\n'), certificateIn(folder))
  const mistakes: unknown[] = []
  followCertificate(server, folder, (error) => mistakes.push(error))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await ask(port)).toEqual({ name: 'first', status: 200 })

  rmSync(join(folder, 'tls.key'))
  vi.advanceTimersByTime(60_000)
  expect(mistakes).toHaveLength(1)
  expect(await ask(port)).toEqual({ name: 'first', status: 200 })

  place(folder, certificates.second)
  vi.advanceTimersByTime(60_000)
  expect(await ask(port)).toEqual({ name: 'second', status: 200 })
  server.close()
})

test('a folder without a certificate is told by the name of its setting', ({ folder }) => {
  expect(() => certificateIn(folder)).toThrow(
    /^KNIT_TLS_FOLDER has to hold tls\.crt and tls\.key: /,
  )
})
