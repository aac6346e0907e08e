import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { knitIn } from './installed.ts'
import { samePort, test } from './lifecycle.ts'

test('once upgraded with a certificate of a secret the gateway speaks https, and the command believes it by its profile', async ({
  there,
  folder,
  helm,
  signal,
  cluster: { core },
}) => {
  const { namespace, token } = there
  const { cert, key } = certificateFor(new URL(there.apiRoot).hostname, folder)
  const name = 'gateway-certificate'
  await core.createNamespacedSecret({
    namespace,
    body: {
      metadata: { name },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': cert, 'tls.key': key },
    },
  })
  const upgradeTo = (tlsSecret: string) => {
    const changed = [...samePort(there), '--set', `gateway.tlsSecret=${tlsSecret}`]
    return helm('upgrade', 'knitfab', 'charts/knitfab', '--reuse-values', '--wait', ...changed)
  }
  try {
    await upgradeTo(name)
    const apiRoot = there.apiRoot.replace('http:', 'https:')
    const believing = await knitIn(folder, { apiRoot, token, ca: cert }, signal)
    expect(JSON.parse(await believing('data', 'find'))).not.toEqual([])
    const doubting = await knitIn(folder, { apiRoot, token }, signal)
    await expect(doubting('data', 'find')).rejects.toMatchObject({
      details: expect.arrayContaining([expect.stringContaining('certificate')]),
    })
  } finally {
    // Others come after this.
    await upgradeTo('')
    await core.deleteNamespacedSecret({ namespace, name })
  }
  const plain = await knitIn(folder, there, signal)
  expect(JSON.parse(await plain('data', 'find'))).not.toEqual([])
})

/** Signed by itself, for an address or a name. */
function certificateFor(host: string, folder: string): { cert: string; key: string } {
  const subject = `${/^[\d.]+$/.test(host) ? 'IP' : 'DNS'}:${host}`
  const file = join(folder, 'tls.key')
  const options = ['-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const about = ['-days', '2', '-subj', '/CN=gateway', '-addext', `subjectAltName=${subject}`]
  const cert = execFileSync('openssl', ['req', ...options, ...about, '-keyout', file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return { cert, key: readFileSync(file, 'utf8') }
}
