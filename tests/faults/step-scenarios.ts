import { ArchiveError } from '#shared/archive/archive-error.ts'
import { beginUpload } from '#shared/database/uploads.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import { begin } from '#shared/database/sql.ts'
import { stopRun } from '#shared/database/user-moves.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { Impossible, type WorkerState } from '#shared/ports/cluster.ts'
import type { World } from '#shared/runtime/context.ts'
import type { Step } from '#shared/workflow/triggers.ts'
import { hooksAt } from '#tests/support/gate/gated-hooks.ts'
import { makeImport } from '#tests/support/imports.ts'
import { makePlan } from '#tests/support/makers.ts'
import { measured, passTime } from '#tests/support/runs.ts'
import { failed, succeeded } from '#tests/support/scripted-cluster.ts'
import { deliver, tick } from '#tests/support/functions.ts'
import callHooks from '../../functions/steps/call-hooks/function.ts'
import cleanUp from '../../functions/steps/clean-up/function.ts'
import collectGarbage from '../../functions/steps/collect-garbage/function.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import initializeRun from '../../functions/steps/initialize-run/function.ts'
import keepDeadLetters from '../../functions/steps/keep-dead-letters/function.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import observeWorker from '../../functions/steps/observe-worker/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import startRun from '../../functions/steps/start-run/function.ts'
import sweep from '../../functions/steps/sweep/function.ts'
import {
  beginOne,
  endUpload,
  failAt,
  leaveOldRows,
  loseTags,
  loseWorker,
  match,
  neverGoes,
  pausedPlan,
  push,
  runIn,
  setWorker,
  told,
  waitLong,
} from './arrange.ts'
import type { QuietWorld } from './quiet-world.ts'
import { bothWays, hooked, reluctant, type Scenario } from './scenario.ts'

const anyId = '00000000-0000-7000-8000-000000000001'
const by = { actor: 'test' }
const twoInputs = { '/in/a': ['kind:a'], '/in/b': ['kind:b'] }

/** What is there for each step to do. */
export const stepScenarios: Record<Step, Scenario[]> = {
  'match-data': [
    {
      of: 'data that came and a plan that was registered',
      async arrange(world) {
        await push(world, 'kind:a')
        const planId = await makePlan(world, { inputs: twoInputs })
        await push(world, 'kind:b')
        return (world) => deliver(matchData, world, 'plan.registered', { planId })
      },
    },
    {
      of: 'data that is matched once more',
      async arrange(world) {
        const planId = await makePlan(world, { inputs: twoInputs })
        const knitId = await push(world, 'kind:a')
        await match(world, planId)
        await world.sql`insert into match_task (knit_id) values (${knitId})`
        return (world) => deliver(matchData, world, 'data.tagged', { knitId })
      },
    },
  ],
  'project-runs': [
    {
      of: 'two data for one input and one for the other',
      async arrange(world) {
        const planId = await makePlan(world, { inputs: twoInputs, outputs: { '/out': ['kind:c'] } })
        for (const kind of ['a', 'b', 'a']) await push(world, `kind:${kind}`)
        await match(world, planId)
        return (world) => deliver(projectRuns, world, 'data.nominated', { planId })
      },
    },
    {
      of: 'data that has lost its tag',
      async arrange(world) {
        const planId = await makePlan(world, { inputs: twoInputs })
        const knitId = await push(world, 'kind:a')
        await push(world, 'kind:b')
        await match(world, planId)
        await loseTags(world, knitId)
        return (world) => deliver(projectRuns, world, 'data.nominated', { planId })
      },
    },
    {
      of: 'more combinations than a plan may make unasked',
      async arrange(world) {
        const planId = await makePlan(world, { inputs: twoInputs })
        for (const kind of ['a', 'a', 'b', 'b']) await push(world, `kind:${kind}`)
        await match(world, planId)
        world.config = { ...world.config, maxCombinations: 3 }
        return (world) => deliver(projectRuns, world, 'data.nominated', { planId })
      },
    },
    {
      of: 'as many combinations as a user has allowed',
      async arrange(world) {
        const planId = await pausedPlan(world)
        await setPlanActive(world.sql, planId, true, by, 4)
        return (world) => deliver(projectRuns, world, 'data.nominated', { planId })
      },
    },
    {
      of: 'more combinations than are made at once, of a plan that is inactive',
      only: ({ what }) => what === 'commit',
      async arrange(world) {
        const planId = await makePlan(world, { inputs: twoInputs }, { active: false })
        for (const kind of ['a', 'a', 'b', 'b']) await push(world, `kind:${kind}`)
        await match(world, planId)
        world.config = { ...world.config, combinationsAtOnce: 3 }
        return (world) => deliver(projectRuns, world, 'data.nominated', { planId })
      },
    },
  ],
  'initialize-run': [
    ...bothWays({
      of: 'a run that waits',
      async arrange(world) {
        const { planId } = await runIn(world, 'waiting')
        return (world) => deliver(initializeRun, world, 'run.waiting', { planId })
      },
    }),
    {
      of: 'a run that will never fit',
      async arrange(world) {
        const { planId } = await runIn(world, 'waiting')
        await world.sql`update plan set resources = '{"cpu": "100k"}' where id = ${planId}`
        return (world) => deliver(initializeRun, world, 'run.waiting', { planId })
      },
    },
  ],
  'start-run': [
    ...bothWays({
      of: 'a run that is ready',
      async arrange(world) {
        const run = await runIn(world, 'ready')
        return (world) => deliver(startRun, world, 'run.ready', told(run))
      },
    }),
    hooked({
      of: 'a run whose worker can never be created',
      async arrange(world) {
        const run = await runIn(world, 'ready')
        failAt(world, 'ensureWorker', new Impossible('as asked'))
        return (world) => deliver(startRun, world, 'run.ready', told(run))
      },
    }),
    {
      of: 'a run whose worker cannot be created at once',
      async arrange(world) {
        const run = await runIn(world, 'ready')
        failAt(world, 'ensureWorker', new Error('as asked'), 1)
        return (world) => deliver(startRun, world, 'run.ready', told(run))
      },
    },
  ],
  'observe-worker': [
    ...bothWays({
      of: 'a program that has begun',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    }),
    {
      of: 'a program that ended well',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        setWorker(world, run, succeeded())
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
    {
      of: 'a program that failed',
      async arrange(world) {
        const run = await runIn(world, 'running')
        setWorker(world, run, failed(3))
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
    {
      of: 'a worker that is gone',
      async arrange(world) {
        const run = await runIn(world, 'running')
        loseWorker(world, run)
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
    {
      of: 'a worker that was never released',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        setWorker(world, run, { phase: 'suspended' })
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
    hooked({
      of: 'a program that has not begun for too long',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        setWorker(world, run, { phase: 'pending', reason: '0/3 nodes are available' })
        await waitLong(world, run)
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    }),
    hooked({
      of: 'a worker that says what it has written',
      async arrange(world) {
        const run = await runIn(world, 'running')
        const measures = Object.fromEntries(
          [...world.cluster.volumes.keys()].map((v) => [v, measured]),
        )
        setWorker(world, run, { ...succeeded(), measures } as WorkerState)
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    }),
  ],
  'finish-run': [
    ...bothWays({
      of: 'a run that succeeded',
      async arrange(world) {
        const run = await runIn(world, 'completing')
        return (world) => deliver(finishRun, world, 'run.completing', told(run))
      },
    }),
    ...bothWays({
      of: 'a run whose program failed',
      async arrange(world) {
        const run = await runIn(world, 'aborting')
        return (world) => deliver(finishRun, world, 'run.aborting', told(run))
      },
    }),
    hooked({
      of: 'a run whose machine failed, which is tried again',
      async arrange(world) {
        const run = await runIn(world, 'running')
        setWorker(world, run, failed(137, 'machine'))
        await deliver(observeWorker, world, 'run.starting', told(run))
        return (world) => deliver(finishRun, world, 'run.aborting', told(run))
      },
    }),
    {
      of: 'a run whose machine failed while its plan was made inactive',
      async arrange(world) {
        const run = await runIn(world, 'running')
        setWorker(world, run, failed(137, 'machine'))
        await deliver(observeWorker, world, 'run.starting', told(run))
        await setPlanActive(world.sql, run.planId, false, by)
        return (world) => deliver(finishRun, world, 'run.aborting', told(run))
      },
    },
    hooked({
      of: 'a run whose outputs cannot be kept',
      async arrange(world) {
        const run = await runIn(world, 'completing')
        failAt(world, 'measureVolume', new ArchiveError('bad-entry', 'as asked'))
        return (world) => deliver(finishRun, world, 'run.completing', told(run))
      },
    }),
    {
      of: 'a run that was torn off, and whose program does not end',
      async arrange(world) {
        const run = await runIn(world, 'running')
        await begin(world.sql, (tx) => stopRun(tx, run.runId, 'completing', by))
        await neverGoes(world, run)
        return (world) => deliver(finishRun, world, 'run.completing', told(run))
      },
    },
    {
      of: 'an upload that its user has ended',
      async arrange(world) {
        const runId = await beginOne(world)
        await endUpload(world)
        return (world) => deliver(finishRun, world, 'run.aborting', { runId, attempt: 1 })
      },
    },
    ...(['completing', 'aborting'] as const).map((status) => ({
      of: `a run that is ${status}, and whose worker does not go`,
      async arrange(world: QuietWorld) {
        const run = await runIn(world, status)
        await neverGoes(world, run)
        return (world: World) => deliver(finishRun, world, `run.${status}`, told(run))
      },
    })),
  ],
  'call-hooks': [
    {
      of: 'two hooks that are to be called',
      async arrange(world) {
        const hooksAfter = ['one', 'two'].map((hook) => `${hooksAt}/${hook}`)
        world.config = { ...world.config, hooksAfter }
        const run = await runIn(world, 'ready')
        await deliver(startRun, world, 'run.ready', told(run))
        return (world) => deliver(callHooks, world, 'hook.recorded', {})
      },
    },
    {
      of: 'a hook that does not take the first call, and one that does',
      async arrange(world) {
        const hooksAfter = [reluctant, '/told'].map((hook) => `${hooksAt}${hook}`)
        const run = await runIn(world, 'ready')
        world.config = { ...world.config, hooksAfter }
        await deliver(startRun, world, 'run.ready', told(run))
        return (world) => deliver(callHooks, world, 'hook.recorded', {})
      },
    },
  ],
  'collect-garbage': [
    {
      of: 'two volumes nobody needs',
      async arrange(world) {
        for (const volume of ['one', 'two']) {
          await world.cluster.ensureVolume({ name: volume })
          await world.sql`insert into garbage (volume) values (${volume})`
        }
        return (world) => deliver(collectGarbage, world, 'volume.dropped', {})
      },
    },
    {
      of: 'a volume that cannot be deleted at once, and one that can',
      async arrange(world) {
        await world.sql`insert into garbage (volume) values ('one'), ('two')`
        failAt(world, 'deleteVolume', new Error('as asked'), 1)
        return (world) => deliver(collectGarbage, world, 'volume.dropped', {})
      },
    },
  ],
  'clean-up': [
    {
      of: 'two uploads whose handlers died, and a reader who is gone',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        await beginUpload(world.sql, [], 60, by)
        await beginUpload(world.sql, [], 60, by)
        await world.sql`
          insert into agent (knit_id, mode, lease_until) values (${knitId}, 'read', now())`
        await passTime(world)
        return (world) => tick(cleanUp, world)
      },
    },
    hooked({
      of: 'an import that nobody ended in time',
      async arrange(world) {
        await makeImport(world)
        await passTime(world)
        return (world) => tick(cleanUp, world)
      },
    }),
    {
      of: 'what was kept long enough',
      async arrange(world) {
        const { runId } = await runIn(world, 'done')
        await leaveOldRows(world.sql, runId)
        return (world) => tick(cleanUp, world)
      },
    },
  ],
  'keep-dead-letters': [
    {
      of: 'an event that the broker has given up',
      async arrange() {
        const why = {
          knativeerrordest: 'http://step-match-data.mine.svc/',
          knativeerrorcode: '500',
        }
        return (world) => deliver(keepDeadLetters, world, 'data.ready', { runId: anyId }, why)
      },
    },
  ],
  sweep: [
    {
      of: 'events that were left, work that is due, and a worker nobody needs',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        const stale = workerOf({ id: run.runId, attempt: 7 })
        const [worker] = world.cluster.workers.values()
        if (worker) world.cluster.workers.set(stale, { ...worker, name: stale })
        await passTime(world)
        return (world) => tick(sweep, world)
      },
    },
  ],
}
