import type { V1Pod } from '@kubernetes/client-node'
import { kubernetes } from '../installation.ts'
import { asked } from '../asked.ts'

/** Pods of a namespace, which may be killed: they are given no time to end in good order. */
export type Pods = {
  list(selector: string): Promise<V1Pod[]>
  /** Kills those that there are, and answers how many. */
  kill(selector: string): Promise<number>
  /** Waits until another than these is ready. */
  replaced(selector: string, before: readonly V1Pod[]): Promise<void>
}

const uidOf = ({ metadata }: V1Pod): string => metadata?.uid ?? ''

export const isReadyPod = ({ metadata, status }: V1Pod): boolean =>
  !metadata?.deletionTimestamp &&
  status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

export function podsIn(namespace: string): Pods {
  const { core } = kubernetes()
  const list = async (labelSelector: string) =>
    (await core.listNamespacedPod({ namespace, labelSelector })).items
  return {
    list,
    async kill(selector) {
      const there = await list(selector)
      for (const { metadata } of there) await killPod(namespace, metadata?.name ?? '')
      return there.length
    },
    async replaced(selector, before) {
      const old = new Set(before.map(uidOf))
      await asked(async () => {
        const others = (await list(selector)).filter((pod) => !old.has(uidOf(pod)))
        return others.some(isReadyPod) || undefined
      })
    },
  }
}

/**
 * Ends it within a second. With no time at all it would be forgotten before it has ended, and another take its place beside it. One that
 * has gone by itself is as dead.
 */
export async function killPod(namespace: string, name: string): Promise<void> {
  const { core } = kubernetes()
  await core
    .deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 1 })
    .catch((error: { code?: number }) => {
      if (error.code !== 404) throw error
    })
}

/** Every function of ours. */
export const functions = 'knitfab.dev/kind=function'
export const functionNamed = (service: string): string =>
  `${functions},app.kubernetes.io/component=${service}`
export const postgres = 'app.kubernetes.io/component=postgres'
