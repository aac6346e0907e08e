import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import {
  alternate,
  atLeast,
  atMost,
  finding,
  median,
  ratioOf,
  timed,
  type Bench,
  type Benchmark,
} from './harness.ts'
import { blackBox } from './home.ts'
import { installation, installShared, missingCluster, type Installation } from './installation.ts'
import { scale } from './population.ts'

const rounds = 5
const mebibyte = 2 ** 20
const size = Math.ceil(1024 * scale)
const mostMemory = 150
// A kubelet measures every ten seconds or so.
const between = 2000

export default {
  id: 'streams',
  what: `${size} MiB pushed and pulled through a cluster, beside a local home`,
  missing: missingCluster,
  async run(bench) {
    const there = await installation(bench)
    const shared = await installShared(bench)
    const box = await blackBox(bench)
    const folder = await bench.folder('streams')
    const source = join(folder, 'source')
    mkdirSync(source)
    for (let part = 0; part < size; part += 64)
      writeFileSync(join(source, `part-${part}`), randomBytes(64 * mebibyte))
    const through = (api: KnitApi) => async () => {
      const target = join(folder, 'target')
      mkdirSync(target)
      const took = await timed(async () => {
        const { knitId } = await api.push(pack(source), { tags: ['bench:stream'] })
        await unpack(await api.pull(knitId), target)
      })
      rmSync(target, { recursive: true })
      return took
    }
    const watch = watchMemory(bench, there, [there.namespace, shared.namespace])
    const samples = await alternate(rounds, {
      ours: through(there.api),
      shared: through(shared.api),
      home: through(box.api),
    })
    const most = await watch.end()
    const largest = Math.max(...most.values())
    const rateOf = (id: string, layout: string, times: readonly number[]) =>
      finding(
        { id, what: `${size} MiB there and back, ${layout}: a local home / a cluster`, unit: '×' },
        ratioOf(samples.home, times),
        atLeast(0.6),
        {
          'in the cluster, s': median(times) / 1000,
          'at home, s': median(samples.home) / 1000,
        },
      )
    return [
      rateOf('streams', 'a claim for each Data', samples.ours),
      rateOf('streams.shared', 'one claim for all', samples.shared),
      finding(
        { id: 'streams.memory', what: 'most memory (RSS) of a Pod meanwhile', unit: 'MiB' },
        { ratio: largest, min: largest, max: largest },
        atMost(mostMemory),
        Object.fromEntries(most),
      ),
    ]
  },
} satisfies Benchmark

/** Who passes on bytes, or keeps them, by its part of the names of Pods: an agent for each Data, or one for all. */
const parts = ['gateway', 'api-data-push', 'api-data-pull', 'data-knitid', 'agent'] as const

type Stats = {
  pods: { podRef: { name: string; namespace: string }; memory?: { rssBytes?: number } }[]
}

/**
 * Looks for the most memory of each part in any of these namespaces, in MiB, until its end; rejects then when a look failed, or a part
 * was never seen.
 */
function watchMemory(bench: Bench, { kubectl }: Installation, namespaces: readonly string[]) {
  const most = new Map<string, number>()
  const stopped = new AbortController()
  const look = async () => {
    const nodes = (await kubectl('get', 'nodes', '-o', 'name')).split('\n')
    for (const node of nodes) {
      const path = `/api/v1/nodes/${node.replace('node/', '')}/proxy/stats/summary`
      const { pods } = JSON.parse(await kubectl('get', '--raw', path)) as Stats
      for (const { podRef, memory } of pods) {
        const part = parts.find((name) => podRef.name.includes(name))
        if (!part || !namespaces.includes(podRef.namespace)) continue
        const now = (memory?.rssBytes ?? 0) / mebibyte
        most.set(part, Math.max(now, most.get(part) ?? 0))
      }
    }
  }
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await look()
      await pause(between)
    }
  })()
  // Told at the end, when there is somebody to hear of it.
  watching.catch(() => {})
  bench.onEnd(() => stopped.abort())
  return {
    async end(): Promise<ReadonlyMap<string, number>> {
      stopped.abort()
      await watching
      const unseen = parts.filter((part) => !most.get(part))
      if (unseen.length > 0) throw new Error(`no kubelet told the memory of ${unseen.join(', ')}`)
      return most
    },
  }
}
