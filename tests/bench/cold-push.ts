import type { V1Pod } from '@kubernetes/client-node'
import { agentName, agentPod } from '#shared/adapters/kubernetes-cluster/agent-pod.ts'
import { bareClient, bareName } from './bare-client.ts'
import { applyNothing, lastHistories, pusher, untilIdle, untilJob } from './cluster-runs.ts'
import { followWorkers } from './follow-workers.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  spread,
  timed,
  type Bench,
  type Finding,
} from './harness.ts'
import type { Installation } from './installation.ts'

const rounds = 5

/**
 * A push for which nothing runs yet but what always does: from the client's call until the Job of the Run that it leads to, beside
 * a Pod like the one that takes the bytes, which anybody who has a claim filled has to wait for.
 */
export async function coldPush(bench: Bench, there: Installation): Promise<Finding> {
  const followed = await followWorkers(bench, there)
  const push = await pusher(bench, there)
  const bare = await bareClient(bench, there)
  const tag = 'bench:cold'
  const planId = await applyNothing(there, { inputs: [{ path: '/in', tags: [tag] }], log: {} })
  let pushes = 0
  const untilJobs: number[] = []
  const samples = await alternate(rounds, {
    ours: async () => {
      const pushed = await timed(() => push(tag))
      pushes += 1
      const [history] = await lastHistories(there, [planId], pushes)
      const rest = history ? untilJob(history) : Number.NaN
      untilJobs.push(rest)
      await untilIdle(there)
      return pushed + rest
    },
    pod: async () => {
      const claim = bareName('claim')
      const start = performance.now()
      await bare.makeClaim(claim)
      await there.kubernetes.core.createNamespacedPod({
        namespace: there.namespace,
        body: await podLike(there, claim),
      })
      const begun = await followed.when(agentName(claim, 'rw'), 'begun')
      await removePod(there, agentName(claim, 'rw'))
      return begun - start
    },
  })
  return finding(
    {
      id: 'B9.cold',
      what: 'push at rest until the Job − a claim and the start of its Pod',
      unit: 'ms',
    },
    spread(samples.ours.map((ms, round) => ms - (samples.pod[round] ?? ms))),
    atMost(1000),
    {
      'from the call to the Job, ms': median(samples.ours),
      'of these, from the commit to the Job, ms': median(untilJobs),
      'claim and start of a Pod, ms': median(samples.pod),
    },
  )
}

/** The Pod that would take the bytes for a claim. */
async function podLike(
  { kubernetes: { core }, namespace, settings }: Installation,
  name: string,
): Promise<V1Pod> {
  const claim = await core.readNamespacedPersistentVolumeClaim({ namespace, name })
  return agentPod({ name, uid: claim.metadata?.uid ?? '' }, 'rw', settings)
}

const removePod = ({ kubernetes: { core }, namespace }: Installation, name: string) =>
  core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 })
