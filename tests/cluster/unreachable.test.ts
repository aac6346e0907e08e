import { describe, expect, test } from 'vitest'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import { NoRoomNow } from '#shared/ports/cluster.ts'
import { elsewhere, limit, neverMade, noSuchClass, receive } from './elsewhere.ts'
import { installed } from './installation.ts'

const { knitfab: image, tools } = installed().images
const there = { image, tools }
const files = { text: Buffer.from('some') }

describe.concurrent('a push', () => {
  test.for<[what: string, more: Partial<ClusterSettings>, says: RegExp]>([
    [
      'into a volume of a class that nobody has made',
      noSuchClass,
      /no-such-class.*; an admin .*volumes\.storageClass/s,
    ],
    [
      'where our own image is not in its registry',
      { image: neverMade(image) },
      /-that-nobody-made:1.*; that is our own image: an admin .*image\.repository/s,
    ],
  ])('%s ends, and says why nothing gets there and what to do', async ([, more, says]) => {
    await elsewhere(there, more, async ({ cluster }) => {
      await expect(receive(cluster, files)).rejects.toMatchObject({
        name: 'Unreachable',
        message: expect.stringMatching(says),
      })
    })
  })

  test('that a quota leaves no room for is no failure: there may be room later', async () => {
    await elsewhere(there, {}, async (other) => {
      await limit(other, { pods: '0' })
      const pushed = receive(other.cluster, files)
      await expect(pushed).rejects.toThrow(NoRoomNow)
      await expect(pushed).rejects.toThrow(/exceeded quota: full, .*; it goes on when others/)
    })
  })
})
