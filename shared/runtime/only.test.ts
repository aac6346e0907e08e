import { expect, test } from 'vitest'
import { ScriptedCluster } from '#tests/support/scripted-cluster.ts'
import { only } from './only.ts'

test('a function gets the calls it said it makes, and is told of any other', async () => {
  const cluster = new ScriptedCluster()
  const own = only(cluster, ['listVolumes'])
  await cluster.ensureVolume({ name: 'a' })
  expect(await own.listVolumes()).toEqual(['a'])
  await expect(own.deleteVolume('a')).rejects.toThrow(/deleteVolume.*uses/)
  expect(await cluster.listVolumes()).toEqual(['a'])
})
