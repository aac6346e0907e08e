import { BatchV1Api } from '@kubernetes/client-node'
import { expect } from 'vitest'
import { selectorOf } from '#shared/adapters/kubernetes-cluster/labels.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { kubernetes, type Installed } from './installation.ts'
import { untilGone } from './lifecycle.ts'
import { run as execute } from './phase.ts'
import { visit } from './visit.ts'
import { outputOf } from './work.ts'

const { core } = kubernetes()

/** It takes longer to end than a Pod lives that is given no time for that. */
export const lasting = "trap 'sleep 5; echo saved > /out/text; exit 0' TERM; sleep 1000 & wait"

/** A run that is done, and one whose program, which is `lasting`, goes on. */
type Scene = { kept: RunDetail; going: RunDetail }

/**
 * Uninstalls the release. A program that goes on ends as when it is stopped; what runs have written stays, and so do the database and
 * the secrets.
 */
export async function uninstall(
  { namespace, images }: Installed,
  { kept, going }: Scene,
): Promise<void> {
  await execute(['helm', 'uninstall', 'knitfab', '--namespace', namespace])
  await untilGone(namespace)
  const labelSelector = selectorOf('worker', { run: going.runId })
  const batch = testConfig().makeApiClient(BatchV1Api)
  const [pods, jobs] = await Promise.all([
    core.listNamespacedPod({ namespace, labelSelector }),
    batch.listNamespacedJob({ namespace, labelSelector }),
  ])
  expect([...pods.items, ...jobs.items]).toEqual([])
  const volume = volumeOf(outputOf(going))
  const written = { namespace, volume, image: images.tools, line: 'cat text' }
  expect(await visit(core, written)).toBe('saved\n')
  const claims = await core.listNamespacedPersistentVolumeClaim({ namespace })
  const names = claims.items.map(({ metadata }) => metadata?.name)
  expect(names).toEqual(expect.arrayContaining(['data-postgres-0', volumeOf(outputOf(kept))]))
  const secrets = await core.listNamespacedSecret({ namespace })
  expect(secrets.items.map(({ metadata }) => metadata?.name)).toEqual(
    expect.arrayContaining(['knitfab-database', 'knitfab-signing-key', 'knitfab-token']),
  )
}
