import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { workerAccount } from '#shared/adapters/kubernetes-cluster/rights.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { test } from './installed.ts'
import { takeRole } from './take-role.ts'
import { accounts } from './values.ts'
import { visit } from './visit.ts'
import { outputOf, treeIn } from './work.ts'

describe.concurrent('data', () => {
  test('come back as they were pushed, empty folders too', async ({ folder, knit, work }) => {
    const source = join(folder, 'source')
    mkdirSync(join(source, 'full/empty'), { recursive: true })
    mkdirSync(join(source, 'größer als 0'))
    writeFileSync(join(source, 'full/a b'), 'content')
    writeFileSync(join(source, 'none'), '')
    symlinkSync('full/a b', join(source, 'link'))
    const { knitId } = JSON.parse(await knit('data', 'push', source)) as { knitId: string }
    const pulled = await work.pull(knitId)
    expect(pulled).toEqual(treeIn(source))
    expect(Object.keys(pulled)).toHaveLength(6)
  })

  test('cannot be written to by the programs that read them', async ({ work }) => {
    const runId = await work.start('touch /in/mine 2> /dev/null && exit 1; cp /in/text /out/text')
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', exit: { code: 0 } })
    expect(await work.pull(run.inputs[0]?.knitId ?? '')).toEqual({ text: 'material\n' })
  })

  test('are made also where the log cannot be kept', async ({
    work,
    knit,
    there: { namespace },
    cluster,
    onTestFinished,
  }) => {
    const guest = { namespace, name: workerAccount, from: accounts.guest }
    onTestFinished(await takeRole(cluster, guest))
    const line = 'echo said; echo made > /out/text'
    const runId = await work.start(line, { service_account: accounts.guest })
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', exit: { code: 0 } })
    expect(await work.pull(outputOf(run))).toEqual({ text: 'made\n' })
    expect(await knit('run', 'show', '--log', runId)).toBe('')
  })

  test('are only what their own program has written: in a volume where something is already it does not begin, and is tried again in another', async ({
    work,
    there: { namespace, images },
    cluster: { core },
    onTestFinished,
  }) => {
    const place = { key: 'knit.test/place', value: randomUUID() }
    const runId = await work.start('echo mine > /out/text', {
      on_node: { must: [`${place.key}=${place.value}`] },
    })
    const waiting = await work.until(runId, ({ reason }) => reason?.includes('affinity'))
    const volume = volumeOf(outputOf(waiting))
    await visit(core, { namespace, volume, image: images.tools, line: 'echo > theirs' })

    const { items } = await core.listNode()
    const node = items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? ''
    const label = (value: string | null) =>
      core.patchNode(
        { name: node, body: { metadata: { labels: { [place.key]: value } } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      )
    onTestFinished(async () => void (await label(null)))
    await label(place.value)
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', attempt: 2 })
    expect(run.attempts?.[0]?.exit?.message).toMatch(/\/out is not empty, it holds "theirs"/)
    expect(await work.pull(outputOf(run))).toEqual({ text: 'mine\n' })
  })
})
