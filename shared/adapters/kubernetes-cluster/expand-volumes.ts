import {
  PatchStrategy,
  setHeaderOptions,
  type V1PersistentVolumeClaim,
  type V1Pod,
} from '@kubernetes/client-node'
import { grown, type Growth } from '#shared/domain/expansion.ts'
import { quantityAmount } from '#shared/domain/quantity.ts'
import { ask, askForAll, type Api } from './api.ts'
import { findClaim } from './find-claim.ts'
import { sharedClaim } from './mounts.ts'
import { volumeUseOn } from './volume-use.ts'

/** Of a claim that nobody is to make larger: `false`. That of the reference implementation counts as well. */
export const managedBy = ['knitfab.dev/expand', 'vex.knitfab/managed'] as const

/** What was done for a claim, or why nothing could be. */
export type Expansion = { claim: string; to: number } | { claim: string; error: unknown }

type Options = Growth & { namespace: string }

/**
 * Makes those claims of Data larger that programs and uploads are about to fill. Of what cannot be asked or grown the others do not
 * suffer: it is told.
 */
export async function expandVolumes(
  api: Api,
  { namespace, ...growth }: Options,
): Promise<Expansion[]> {
  const pods = await askForAll('the Pods that write to volumes cannot be listed', (part) =>
    api.core.listNamespacedPod({
      namespace,
      labelSelector: 'app.kubernetes.io/part-of=knit',
      ...part,
    }),
  )
  const done: Expansion[] = []
  for (const [node, claims] of writtenTo(pods)) {
    try {
      for (const { claim, used } of await usesOf(api, node, { namespace, claims }))
        done.push(...(await expand(api, { namespace, claim, used, growth })))
    } catch (error) {
      done.push({ claim: [...claims].join(', '), error })
    }
  }
  return done
}

/** By node, the claims of Data that a running Pod there may write to. */
function writtenTo(pods: readonly V1Pod[]): Map<string, Set<string>> {
  const byNode = new Map<string, Set<string>>()
  for (const { spec, status } of pods) {
    if (!spec?.nodeName || status?.phase !== 'Running') continue
    const writable = new Set(
      [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ volumeMounts = [] }) =>
        volumeMounts.filter(({ readOnly }) => !readOnly).map(({ name }) => name),
      ),
    )
    for (const { name, persistentVolumeClaim: from } of spec.volumes ?? []) {
      if (!from || from.readOnly || !writable.has(name) || !isOfData(from.claimName)) continue
      byNode.set(spec.nodeName, (byNode.get(spec.nodeName) ?? new Set()).add(from.claimName))
    }
  }
  return byNode
}

/** The database has a claim too, whose size the chart knows. */
const isOfData = (claim: string): boolean =>
  claim === sharedClaim || claim.startsWith('data-knitid-')

async function usesOf(
  api: Api,
  node: string,
  { namespace, claims }: { namespace: string; claims: ReadonlySet<string> },
) {
  const all = await volumeUseOn(api, node)
  const ours = all.filter((use) => use.namespace === namespace && claims.has(use.claim))
  // More than one Pod may have it mounted.
  return [...new Map(ours.map((use) => [use.claim, use])).values()]
}

type One = { namespace: string; claim: string; used: number; growth: Growth }

async function expand(api: Api, { namespace, claim, used, growth }: One): Promise<Expansion[]> {
  try {
    const there = await findClaim(api, namespace, claim)
    if (!there || isLeftAlone(there)) return []
    const to = grown({ capacity: capacityOf(there), used }, growth)
    if (to === undefined) return []
    await ask(
      `the volume ${claim} cannot be made larger`,
      api.core.patchNamespacedPersistentVolumeClaim(
        {
          namespace,
          name: claim,
          body: { spec: { resources: { requests: { storage: String(to) } } } },
        },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      ),
    )
    return [{ claim, to }]
  } catch (error) {
    return [{ claim, error }]
  }
}

const isLeftAlone = ({ metadata }: V1PersistentVolumeClaim): boolean =>
  managedBy.some((name) => metadata?.annotations?.[name] === 'false')

/** What it has, or has been asked for and will have. */
const capacityOf = ({ spec, status }: V1PersistentVolumeClaim): number =>
  Math.max(
    quantityAmount(String(spec?.resources?.requests?.['storage'] ?? 0)),
    quantityAmount(String(status?.capacity?.['storage'] ?? 0)),
  )
