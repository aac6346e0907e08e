import { BatchV1Api } from '@kubernetes/client-node'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect } from 'vitest'
import { selectorOf } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'
import { neverMade } from './elsewhere.ts'
import { test } from './installed.ts'
import { accounts } from './values.ts'
import { isRunning, outputOf, untilStopped, type PlanText } from './work.ts'

describe.concurrent('a run', () => {
  test('is followed by its log while its program runs, and done with what it has written when it is stopped', async ({
    work,
    knit,
    begin,
  }) => {
    const runId = await work.start(untilStopped)
    await work.until(runId, isRunning)
    const log = begin('run', 'show', '--log', '--follow', runId)
    const [line] = (await once(log.stdout, 'data')) as [Buffer]
    expect(line.toString()).toBe('begun\n')
    expect(await work.show(runId)).toMatchObject({ status: 'running' })

    await knit('run', 'stop', runId)
    const [rest, [code]] = await Promise.all([text(log.stdout), once(log, 'close')])
    expect({ rest, code }).toEqual({ rest: '', code: 0 })
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', exit: { code: 0, message: 'stopped by user' } })
    expect(await work.pull(outputOf(run))).toEqual({ text: 'so far\n' })
    expect(await knit('run', 'show', '--log', runId)).toBe('begun\n')
  })

  test('fails when it is stopped so, is executed once more when it is retried, and leaves nothing in the cluster when it is deleted', async ({
    work,
    knit,
    there: { namespace },
    cluster,
  }) => {
    const runId = await work.start(untilStopped)
    await work.until(runId, isRunning)
    await knit('run', 'stop', '--fail', runId)
    const failed = await work.end(runId)
    expect(failed).toMatchObject({ status: 'failed', exit: { code: 253 }, attempt: 1 })

    await knit('run', 'retry', runId)
    const again = await work.until(runId, (run) => isRunning(run) && run.attempt === 2)
    expect(outputOf(again)).not.toBe(outputOf(failed))
    await knit('run', 'stop', runId)
    const done = await work.end(runId)
    expect(done).toMatchObject({ status: 'done' })

    await knit('run', 'rm', runId)
    const batch = testConfig().makeApiClient(BatchV1Api)
    const labelSelector = selectorOf('worker', { run: runId })
    const volumes = [failed, again].flatMap(({ outputs, log }) =>
      [...outputs, ...(log ? [log] : [])].map(({ knitId }) => volumeOf(knitId)),
    )
    expect(new Set(volumes).size).toBe(4)
    await until(async () => {
      const [claims, jobs, pods] = await Promise.all([
        cluster.core.listNamespacedPersistentVolumeClaim({ namespace }),
        batch.listNamespacedJob({ namespace, labelSelector }),
        cluster.core.listNamespacedPod({ namespace, labelSelector }),
      ])
      const names = claims.items.map(({ metadata }) => metadata?.name ?? '')
      return (
        [...jobs.items, ...pods.items, ...names.filter((name) => volumes.includes(name))].length ===
        0
      )
    })
  })

  test('whose program fails says with which exit code, and has its log', async ({ work, knit }) => {
    const runId = await work.start('echo all is lost; exit 7')
    await work.end(runId)
    expect(await work.show(runId)).toMatchObject({
      status: 'failed',
      exit: { code: 7 },
      reason: expect.stringContaining('exit code 7'),
    })
    expect(await knit('run', 'show', '--log', runId)).toBe('all is lost\n')
  })

  const waiting: [string, PlanText, RegExp][] = [
    [
      'a GPU that no node has',
      { resources: { 'nvidia.com/gpu': '1' } },
      /\d+ nodes are available: .*nvidia\.com\/gpu.*; it begins when a node has as much to give; to ask for less: knit plan resource \S+ --set/,
    ],
    [
      'a node that there is not',
      { on_node: { must: ['knit.test/zone=moon'] } },
      /\d+ nodes are available: .*node affinity.*; it begins when there is a node with the labels and taints that on_node of the plan names/,
    ],
    [
      'an account that there is not',
      { service_account: accounts.absent },
      /serviceaccount "nobody" not found; an admin has to make that service account, or the plan to name another/,
    ],
  ]
  test.for(waiting)(
    'that asks for %s waits, and says why in the words of Kubernetes, and what to do',
    async ([, spec, words], { work, knit }) => {
      const runId = await work.start('true', spec)
      await work.until(runId, ({ reason = '' }) => words.test(reason))
      expect(await work.show(runId)).toMatchObject({ status: 'starting' })
      expect(await knit('run', 'show', '--output', 'table', runId)).toMatch(words)
    },
  )

  test('of an image that does not exist fails, and says what to do', async ({ work, there }) => {
    const runId = await work.start('true', { image: neverMade(there.images.tools) })
    await work.end(runId)
    expect(await work.show(runId)).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/that-nobody-made:1 cannot be pulled: .*Check its name/),
    })
  })

  test('with an account that plans may not name does not begin, and says which they may', async ({
    work,
  }) => {
    const runId = await work.start('true', { service_account: 'admin' })
    const allowed = Object.values(accounts).join(', ')
    await work.until(runId, ({ reason }) =>
      reason?.match(`service account admin.*allowed: ${allowed}`),
    )
  })
})
