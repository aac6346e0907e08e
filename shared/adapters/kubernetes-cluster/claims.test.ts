import type { V1PersistentVolumeClaim } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { Unreachable } from '#shared/ports/cluster.ts'
import type { Api } from './api.ts'
import { claimsIn } from './claims.ts'
import { selectorOf } from './labels.ts'
import type { ClaimSettings, ClusterSettings } from './settings.ts'

const settings = { namespace: 'n' } as ClusterSettings

test.for([
  [403, /is forbidden: maximum storage usage per Pers.*; an admin .* LimitRange .* volumes\.size/],
  [422, /cannot be made: no size$/],
] as const)(
  'that a claim is refused with %i is the fault of nobody who asked for it: an admin sees to that',
  async ([status, says]) => {
    const message =
      status === 422
        ? 'no size'
        : 'persistentvolumeclaims "v" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 10Gi'
    const createNamespacedPersistentVolumeClaim = async () => {
      throw Object.assign(new Error(), { code: status, body: { message } })
    }
    const api = { core: { createNamespacedPersistentVolumeClaim } } as unknown as Api
    const making = claimsIn(api, settings, {} as ClaimSettings).ensureVolume({
      name: 'v',
      labels: {},
    })
    await expect(making).rejects.toThrow(Unreachable)
    await expect(making).rejects.toThrow(says)
  },
)

/** An API server that has one claim, and does to its labels as it is told. */
function serverWith(phase: string, labels: Record<string, string> = {}) {
  const claim: V1PersistentVolumeClaim = { metadata: { name: 'v', labels }, status: { phase } }
  const core = {
    readNamespacedPersistentVolumeClaim: async () => claim,
    patchNamespacedPersistentVolumeClaim: async ({ body }: { body: V1PersistentVolumeClaim }) =>
      Object.assign(labels, body.metadata?.labels),
  }
  return { volumes: claimsIn({ core } as unknown as Api, settings, {} as ClaimSettings), labels }
}

const selected = Object.fromEntries(
  selectorOf('data')
    .split(',')
    .map((term) => term.split('=')),
) as Record<string, string>

test('a claim that somebody else has made is listed with the others once it is adopted, and keeps what was said of it', async () => {
  const { volumes, labels } = serverWith('Bound', { theirs: 'kept' })
  expect(await volumes.adoptVolume('v')).toBe('ready')
  expect(labels).toMatchObject({ ...selected, theirs: 'kept' })
})

test('a claim that has no room yet is left as it is', async () => {
  const { volumes, labels } = serverWith('Pending')
  expect(await volumes.adoptVolume('v')).toBe('pending')
  expect(labels).toEqual({})
})
