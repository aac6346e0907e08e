import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { apiServedBy } from '#shared/adapters/kubernetes-cluster/test-api.ts'
import { Away } from '#shared/ports/cluster.ts'
import { configFrom } from './config.ts'
import { openKubernetes } from './open-kubernetes.ts'

test('what an admin has to do about lost rights is told with the names of release and namespace, to be copied', async () => {
  const message = 'jobs is forbidden: User "system:serviceaccount:science:step" cannot get'
  const { api, close } = await apiServedBy((_request, response) =>
    response
      .writeHead(403, { 'content-type': 'application/json' })
      .end(JSON.stringify({ kind: 'Status', message })),
  )
  const folder = mkdtempSync('/var/tmp/knit-open-kubernetes-')
  onTestFinished(() => {
    close()
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
  const kubeconfig = {
    clusters: [
      { name: 'there', cluster: { server: api.server, 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'us', user: {} }],
    contexts: [{ name: 'there', context: { cluster: 'there', user: 'us' } }],
    'current-context': 'there',
  }
  writeFileSync(`${folder}/kubeconfig`, JSON.stringify(kubeconfig))
  vi.stubEnv('KUBECONFIG', `${folder}/kubeconfig`)

  const cluster = openKubernetes(
    configFrom({
      KNIT_DATABASE_URL: 'postgres://u:p@h/d',
      KNIT_SIGNING_KEY: 'k'.repeat(32),
      KNIT_IMAGE: 'registry.test/knitfab:1',
      KNIT_RELEASE: 'lab',
      KNIT_NAMESPACE: 'science',
    }),
  )
  const finding = cluster.findWorker('worker-run-1')
  await expect(finding).rejects.toThrow(Away)
  await expect(finding).rejects.toThrow(
    /; an admin .*: helm upgrade lab charts\/knitfab --namespace science --reset-then-reuse-values$/,
  )
})
