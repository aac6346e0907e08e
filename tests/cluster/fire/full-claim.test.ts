import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { asked } from '../asked.ts'
import { outputOf } from '../work.ts'
import { test } from './fire.ts'
import { expectInOrder } from './verdict.ts'

test('a run whose claim is full fails and says so in its log, and leaves nothing when it is deleted', async ({
  node,
  work,
  knit,
  there: { namespace, layout },
  cluster: { core },
  onTestFinished,
  skip,
}) => {
  skip(layout === 'shared', 'it fills the claim of one data')
  const place = { key: 'knit.test/place', value: randomUUID() }
  const line = 'dd if=/dev/zero of=/out/zeros bs=1M count=8'
  const runId = await work.start(line, { on_node: { must: [`${place.key}=${place.value}`] } })
  const waiting = await work.until(runId, ({ reason }) => reason?.includes('affinity'))
  const name = volumeOf(outputOf(waiting))
  const folder = await asked(async () => {
    const { spec } = await core.readNamespacedPersistentVolumeClaim({ namespace, name })
    const volume = await core.readPersistentVolume({ name: spec?.volumeName ?? '' })
    return volume.spec?.hostPath?.path
  })
  const mode = ['-o', 'size=4m,mode=777']
  await node.inside('mount', '-t', 'tmpfs', ...mode, 'tmpfs', folder)
  let isMounted = true
  const unmount = async () => {
    if (isMounted) await node.inside('umount', '--lazy', folder)
    isMounted = false
  }
  onTestFinished(unmount)

  const label = (value: string | null) =>
    core.patchNode(
      { name: node.name, body: { metadata: { labels: { [place.key]: value } } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    )
  onTestFinished(async () => void (await label(null)))
  await label(place.value)
  const run = await work.end(runId)
  expect(run).toMatchObject({ status: 'failed', attempt: 1 })
  expect(await knit('run', 'show', '--log', runId)).toMatch(/No space left on device/)
  await expectInOrder(knit)

  await unmount()
  await knit('run', 'rm', runId)
  await asked(async () => {
    const { items } = await core.listNamespacedPersistentVolumeClaim({ namespace })
    return !items.some(({ metadata }) => metadata?.name === name)
  })
  await expectInOrder(knit)
})
