import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { asked } from '../asked.ts'
import { installed } from '../installation.ts'
import { test as base } from '../installed.ts'
import { lookOften } from '../look-often.ts'
import { keepAsking, type Asker, type Question } from './asking.ts'
import { startLoad, type Load, type Size } from './load.ts'
import { ownNode, type Node } from './node.ts'
import { podsIn, type Pods } from './pods.ts'
import { attemptsOf, expectOnce } from './verdict.ts'
import { followReleased } from './workers.ts'

type Fire = {
  /** Runs that are on their way from now on. */
  load(...how: [size: Size, options?: Parameters<typeof startLoad>[2]]): Promise<Load>
  /** Somebody who asks until he is stopped, or the test is over. */
  ask(questions: readonly Question[]): Asker
  /** Breaks something while runs of a load are on their way, and waits until it has recovered from that. */
  strike(what: string, load: Load, fault: () => Promise<unknown>): Promise<void>
  /** Waits until the API answers and runs end again, and tells how long that took since some time: since now, unless given. */
  recovered(from: string, load: Load, since?: number): Promise<void>
  /** Tells of a time that somebody else has measured. */
  tell(what: string, seconds: number): void
  /** What holds of a load that is over; answers its runs. */
  expectOnce(load: Load): Promise<RunDetail[]>
}

type Look = {
  /** Seconds: as the chart has it, unless a file says otherwise. */
  lookInterval: number
  looked: true
}

/** A test for which workers are looked at. The values of the tests have events alone tell of what happens, and here events are lost. */
const looking = base.extend<{ $file: Look }>({
  lookInterval: [async ({}, use) => use(30), { scope: 'file' }],
  looked: [
    async ({ lookInterval }, use) => {
      const goBack = await lookOften(installed().namespace, lookInterval)
      await use(true)
      await goBack()
    },
    { scope: 'file', auto: true },
  ],
})

/** A test in which something is broken while runs are on their way; those of the node are for a node of this machine. */
export const test = looking.extend<{ fire: Fire; pods: Pods; node: Node }>({
  fire: async ({ api, there, folder, knit, cluster, task }, use) => {
    const released = await followReleased(there)
    const askers: Asker[] = []
    const fire: Fire = {
      load: (size, options) => startLoad({ api, there, folder }, size, options),
      ask(questions) {
        const asker = keepAsking(there, questions)
        askers.push(asker)
        return asker
      },
      tell(what, seconds) {
        const line = `${what}: ${seconds.toFixed(1)} s`
        task.meta.recovered = [...(task.meta.recovered ?? []), line]
        console.log(line)
      },
      async strike(what, load, fault) {
        const open = await asked(() => load.open())
        expect(open.length, `runs on their way before ${what}`).toBeGreaterThan(0)
        const since = performance.now()
        await fault()
        await fire.recovered(what, load, since)
      },
      async recovered(from, load, since = performance.now()) {
        const seconds = () => (performance.now() - since) / 1000
        const open = await asked(() => load.open())
        fire.tell(`${from}, until the API answers`, seconds())
        await asked(async () => {
          const left = (await load.open()).length
          return left === 0 || left < open.length || undefined
        })
        fire.tell(`${from}, until a run ends`, seconds())
      },
      async expectOnce(load) {
        const all = await expectOnce({ there, cluster, knit }, load, released)
        console.log(`${all.length} runs in ${attemptsOf(all)} attempts`)
        return all
      },
    }
    await use(fire)
    for (const asker of askers) await asker.stop()
    await released.stop()
  },
  pods: async ({ there: { namespace } }, use) => use(podsIn(namespace)),
  node: async ({ there, skip }, use) => {
    skip(!there.ownNode, 'it breaks a node: it takes the cluster that this machine raises, as root')
    await use(await ownNode())
  },
})

/** Waits until programs of a load are seen to run. */
export const untilRunning = (load: Load): Promise<true> =>
  asked(async () => (await load.open()).some(({ status }) => status === 'running') || undefined)

/** How many of its runs a load has ended at least. */
export const untilEnded = (load: Load, count: number): Promise<true> =>
  asked(async () => load.size - (await load.open()).length >= count || undefined, {
    patience: 10 * 60_000,
  })
