import { beginUpload } from '#shared/database/data.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import type { Step } from '#shared/workflow/triggers.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { makePlan } from '#tests/support/makers.ts'
import { passTime } from '#tests/support/runs.ts'
import { failed, succeeded } from '#tests/support/scripted-cluster.ts'
import { deliver, tick } from '#tests/support/functions.ts'
import callHooks from '../../functions/steps/call-hooks/function.ts'
import cleanAgents from '../../functions/steps/clean-agents/function.ts'
import collectGarbage from '../../functions/steps/collect-garbage/function.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import initializeRun from '../../functions/steps/initialize-run/function.ts'
import keepDeadLetters from '../../functions/steps/keep-dead-letters/function.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import observeWorker from '../../functions/steps/observe-worker/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import startRun from '../../functions/steps/start-run/function.ts'
import sweep from '../../functions/steps/sweep/function.ts'
import { loseTags, loseWorker, match, push, runIn, setWorker, told } from './arrange.ts'
import type { Scenario } from './scenario.ts'

const anyId = '00000000-0000-7000-8000-000000000001'
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
  ],
  'initialize-run': [
    {
      of: 'a run that waits',
      async arrange(world) {
        const { planId } = await runIn(world, 'waiting')
        return (world) => deliver(initializeRun, world, 'run.waiting', { planId })
      },
    },
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
    {
      of: 'a run that is ready',
      async arrange(world) {
        const run = await runIn(world, 'ready')
        return (world) => deliver(startRun, world, 'run.ready', told(run))
      },
    },
  ],
  'observe-worker': [
    {
      of: 'a program that has begun',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
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
  ],
  'finish-run': [
    {
      of: 'a run that succeeded',
      async arrange(world) {
        const run = await runIn(world, 'completing')
        return (world) => deliver(finishRun, world, 'run.completing', told(run))
      },
    },
    {
      of: 'a run whose program failed',
      async arrange(world) {
        const run = await runIn(world, 'aborting')
        return (world) => deliver(finishRun, world, 'run.aborting', told(run))
      },
    },
    {
      of: 'a run whose machine failed, which is tried again',
      async arrange(world) {
        const run = await runIn(world, 'running')
        setWorker(world, run, failed(137, 'machine'))
        await deliver(observeWorker, world, 'run.starting', told(run))
        return (world) => deliver(finishRun, world, 'run.aborting', told(run))
      },
    },
  ],
  'call-hooks': [
    {
      of: 'two hooks that are to be called',
      async arrange(world) {
        const { url } = await hookServer()
        world.config = { ...world.config, hooksAfter: [`${url}/one`, `${url}/two`] }
        const run = await runIn(world, 'ready')
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
  ],
  'clean-agents': [
    {
      of: 'two uploads whose handlers died, and a reader who is gone',
      async arrange(world) {
        const by = { actor: 'test' }
        const knitId = await push(world, 'kind:a')
        await beginUpload(world.sql, [], 60, by)
        await beginUpload(world.sql, [], 60, by)
        await world.sql`
          insert into agent (knit_id, mode, lease_until) values (${knitId}, 'read', now())`
        await passTime(world)
        return (world) => tick(cleanAgents, world)
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
