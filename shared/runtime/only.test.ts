import { expect, test } from 'vitest'
import { allVolumesOf } from '#shared/ports/cluster.ts'
import { ScriptedCluster } from '#tests/support/scripted-cluster.ts'
import { only } from './only.ts'

test('a function gets the calls it said it makes, and is told of any other', async () => {
  const cluster = new ScriptedCluster()
  const own = only(cluster, ['listVolumes'])
  await cluster.ensureVolume({ name: 'a' })
  expect(await allVolumesOf(own)).toEqual(['a'])
  await expect(own.deleteVolume('a')).rejects.toThrow(/deleteVolume.*uses/)
  expect(await allVolumesOf(cluster)).toEqual(['a'])
})
