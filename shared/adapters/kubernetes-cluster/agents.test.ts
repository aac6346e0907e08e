import type { V1Pod } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { Unreachable } from '#shared/ports/cluster.ts'
import { agentsIn } from './agents.ts'
import type { Api } from './api.ts'
import type { ClusterSettings } from './settings.ts'

const settings = {
  namespace: 'n',
  image: 'registry.test/knitfab:1',
  workers: { pullSecrets: [] as string[] },
  agents: {},
  signingKey: 'k'.repeat(32),
} as unknown as ClusterSettings

const call = (core: object) => agentsIn({ core } as unknown as Api, settings)('v', 'ro', {})

const nothing = async (): Promise<V1Pod> => {
  throw Object.assign(new Error(), { code: 404, body: { message: 'not found' } })
}

test.for([
  [
    'maximum memory usage per Container is 256Mi, but limit is 512Mi',
    /; an admin has to let a LimitRange .* functions\.agent\.resources/,
  ],
  [
    'no PriorityClass with name urgent was found',
    /; an admin has to make it, .* functions\.agent\.priorityClassName/,
  ],
  ['a policy does not let it', /: a policy does not let it$/],
] as const)(
  'that an agent is refused is the fault of nobody who asks for data: an admin sees to that: %s',
  async ([words, says]) => {
    const calling = call({
      readNamespacedPod: nothing,
      readNamespacedPersistentVolumeClaim: async () => ({ metadata: { name: 'v', uid: '1' } }),
      createNamespacedPod: async () => {
        const message = `pods "agent-v-ro" is forbidden: ${words}`
        throw Object.assign(new Error(), { code: 403, body: { message } })
      },
    })
    await expect(calling).rejects.toThrow(Unreachable)
    await expect(calling).rejects.toThrow(says)
  },
)
