import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { setTimeout as pause } from 'node:timers/promises'
import { Away, NoSuchVolume } from '#shared/ports/cluster.ts'
import { agentsIn, removeAgents, removeEndedAgents, type CallVolume } from './agents.ts'
import {
  ask,
  askIfThere,
  askInParts,
  onlyMetadata,
  orUnreachable,
  unless,
  type Api,
} from './api.ts'
import { claimOf } from './claim.ts'
import { findClaim } from './find-claim.ts'
import { labelsFor, selectorOf } from './labels.ts'
import type { ClaimSettings, ClusterSettings } from './settings.ts'
import { transfersBy } from './transfers.ts'
import type { Volumes } from './volumes.ts'

// None of ours mounts it any more, so its going takes moments.
const lookAgain = 50
const patience = 10_000
const stillMounted =
  'it goes when no Pod has it mounted any more; kubectl describe pvc tells which do'

/** By its labels a claim is found among the others: by us, and by whoever keeps a copy of all. */
const labelClaim = (api: Api, namespace: string, name: string) =>
  ask(
    `the volume ${name} cannot be labelled`,
    api.core.patchNamespacedPersistentVolumeClaim(
      { namespace, name, body: { metadata: { labels: labelsFor('data', name, {}) } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    ),
  )

/** Volumes as claims, one for each; bytes get into them and out by Pods that have them mounted. */
export function claimsIn(api: Api, settings: ClusterSettings, claims: ClaimSettings): Volumes {
  const { namespace } = settings
  const requireVolume = async (name: string) => {
    if (!(await findClaim(api, namespace, name)))
      throw new NoSuchVolume(`there is no volume ${name}`)
  }
  const agents = agentsIn(api, settings)
  // An agent may outlive its claim by moments.
  const call: CallVolume = async (volume, ...rest) => {
    await requireVolume(volume)
    return agents(volume, ...rest)
  }
  return {
    ...transfersBy(call),
    requireVolume,
    // A Pod waits for a claim that is not there, and its worker says so.
    async requireMounts() {},
    tidyTransfers: () => removeEndedAgents(api, namespace),
    async ensureVolume(volume) {
      const { name } = volume
      const body = claimOf(volume, claims)
      const what = `the volume ${name} cannot be made`
      const making = api.core.createNamespacedPersistentVolumeClaim({ namespace, body })
      const made = await orUnreachable(unless(409, ask(what, making)))
      if (made || (await findClaim(api, namespace, name))) return
      throw new Away(`${what}: one of that name is just being deleted; try again when it is gone`)
    },
    async deleteVolume(name) {
      await removeAgents(api, namespace, name)
      const what = `the volume ${name} cannot be deleted`
      const claim = { namespace, name }
      await askIfThere(what, api.core.deleteNamespacedPersistentVolumeClaim(claim))
      const end = Date.now() + patience
      while (await askIfThere(what, api.core.readNamespacedPersistentVolumeClaim(claim))) {
        if (Date.now() > end) throw new Error(`${what} yet: ${stillMounted}`)
        await pause(lookAgain)
      }
    },
    async adoptVolume(name) {
      const claim = await findClaim(api, namespace, name)
      if (!claim) return 'absent'
      if (claim.status?.phase !== 'Bound') return 'pending'
      await labelClaim(api, namespace, name)
      return 'ready'
    },
    listVolumes: async () => namesOfClaims(api, namespace),
  }
}

async function* namesOfClaims({ core }: Api, namespace: string): AsyncGenerator<string[]> {
  const labelSelector = selectorOf('data')
  const pages = askInParts('the volumes cannot be listed', (page) =>
    core.listNamespacedPersistentVolumeClaim({ namespace, labelSelector, ...page }, onlyMetadata),
  )
  for await (const claims of pages) yield claims.flatMap(({ metadata }) => metadata?.name ?? [])
}
