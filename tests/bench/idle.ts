import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connectApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { startHome } from '#tests/support/local-home.ts'
import { alternate, atMost, finding, median, ratioOf, spread, type Benchmark } from './harness.ts'
import { blackBox, databaseOf } from './home.ts'
import { processorTimeOf, runFor, sharedMemoryOf, treeOf } from './processes.ts'

const watched = 30_000

export default {
  id: 'idle',
  what: 'an idle local home: memory, processor, queries; and how fast a warm one starts',
  async run(bench) {
    const box = await blackBox(bench)
    const { pid } = box.running
    const sql = databaseOf(bench, box)
    const transactions = async (): Promise<number> => {
      await sql`select pg_stat_force_next_flush()`
      const [row] = await sql<{ count: number }[]>`
        select sum(xact_commit + xact_rollback)::float8 as count from pg_stat_database`
      return row?.count ?? 0
    }
    await wait(5000)
    const memory: number[] = []
    const before = { time: processorTimeOf(treeOf(pid)), count: await transactions() }
    for (let i = 0; i < 10; i += 1) {
      await wait(watched / 10)
      memory.push(sharedMemoryOf(treeOf(pid)))
    }
    const after = { time: processorTimeOf(treeOf(pid)), count: await transactions() }
    const seconds = watched / 1000
    const processes = treeOf(pid).length
    await box.running.stop()

    const folder = join(box.folder, 'home')
    const samples = await alternate(5, {
      start: () => timedStart(folder),
      node: () => runFor(process.execPath, ['-e', '0']),
    })
    return [
      finding(
        { id: 'idle', what: 'memory (PSS) of all its processes', unit: 'MiB' },
        spread(memory),
        atMost(300),
        {
          processes,
          'processor, % of a core': ((after.time - before.time) / seconds) * 100,
          // Two of them are those that count.
          'transactions a second': Math.max(0, after.count - before.count - 2) / seconds,
        },
      ),
      finding(
        { id: 'idle.start', what: 'warm start to first answer', unit: 's' },
        spread(samples.start.map((ms) => ms / 1000)),
        atMost(2),
        {
          'start / `node -e 0`': ratioOf(samples.start, samples.node).ratio,
          'node -e 0, ms': median(samples.node),
        },
      ),
    ]
  },
} satisfies Benchmark

/** Milliseconds from starting a home that has been there before to the answer of its first request. */
async function timedStart(folder: string): Promise<number> {
  const start = performance.now()
  const running = await startHome(folder, '--engine', 'sandbox')
  try {
    await connectApi({ apiRoot: running.apiRoot }).call(data.find, { tag: ['no:such'] })
    return performance.now() - start
  } finally {
    await running.stop()
  }
}
