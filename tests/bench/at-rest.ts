import { setTimeout as wait } from 'node:timers/promises'
import { data } from '#shared/contracts/data.ts'
import { clientOf, packageClient } from './client.ts'
import {
  alternate,
  atMost,
  finding,
  median,
  rounded,
  spread,
  sum,
  timed,
  type Bench,
  type Finding,
} from './harness.ts'
import type { Installation } from './installation.ts'
import { runFor } from './processes.ts'

const rounds = 5
// Between two looks: long enough for each answer to come after a pause.
const pause = 10_000
const tag = 'bench:nothing'

/** What all Pods of the release hold, and how long the client waits for an answer, when nothing has been asked for a while. */
export async function atRest(bench: Bench, there: Installation): Promise<Finding[]> {
  const { api } = there
  const { knit } = await packageClient(await bench.folder('client'))
  const client = clientOf(await bench.folder('client-world'), there)
  const held: Held[] = []
  const samples = await alternate(rounds, {
    find: async () => {
      await wait(pause)
      held.push(await heldBy(there))
      return runFor(process.execPath, [knit, 'data', 'find', '--tag', tag], client)
    },
    request: () => timed(() => api.call(data.find, { tag: [tag] })),
    node: () => runFor(process.execPath, ['-e', '0']),
  })
  return [
    finding(
      {
        id: 'B9.memory',
        what: 'memory (working sets) of all Pods of the release at rest',
        unit: 'GiB',
      },
      // The first round warms up.
      spread(held.slice(1).map(({ bytes }) => bytes / 2 ** 30)),
      atMost(2),
      held.at(-1)?.facts ?? {},
    ),
    finding(
      {
        id: 'B9.find',
        what: '`knit data find` at rest, the start of the client included',
        unit: 'ms',
      },
      spread(samples.find),
      atMost(300),
      {
        'the request alone, ms': median(samples.request),
        'node -e 0, ms': median(samples.node),
      },
    ),
  ]
}

type Held = { bytes: number; facts: Record<string, number | string> }
type Used = { memory?: { workingSetBytes?: number } }
type SummaryOfPod = Used & {
  podRef: { name: string; namespace: string }
  containers?: (Used & { name: string })[]
}
/** As much as is needed of what a kubelet says of its Pods. */
type Summary = { pods: SummaryOfPod[] }

/** What the Pods of the release hold, by the kubelets of all nodes. */
async function heldBy(there: Installation): Promise<Held> {
  const { kubernetes, kubectl, namespace } = there
  const nodes = (await kubernetes.core.listNode()).items.map(({ metadata }) => metadata?.name ?? '')
  const summaries = await Promise.all(
    nodes.map(async (node) => {
      const path = `/api/v1/nodes/${node}/proxy/stats/summary`
      return JSON.parse(await kubectl('get', '--raw', path)) as Summary
    }),
  )
  const pods = summaries
    .flatMap(({ pods }) => pods)
    .filter(({ podRef }) => podRef.namespace === namespace)
  await checkNoneIsLeftOut(there, pods)
  const containers = Map.groupBy(
    pods.flatMap(({ podRef, containers = [] }) =>
      containers.map((used) => ({
        name: used.name,
        bytes: bytesOf(`${podRef.name} ${used.name}`, used),
      })),
    ),
    ({ name }) => name,
  )
  const parts = [...containers].map(
    ([name, all]) =>
      [
        `${name} × ${all.length}, MiB`,
        rounded(sum(all.map(({ bytes }) => bytes)) / 2 ** 20),
      ] as const,
  )
  return {
    bytes: sum(pods.map((pod) => bytesOf(pod.podRef.name, pod))),
    facts: { Pods: pods.length, ...Object.fromEntries(parts) },
  }
}

/** A kubelet that counts nothing would make us look small. */
function bytesOf(name: string, { memory }: Used): number {
  const bytes = memory?.workingSetBytes ?? 0
  if (bytes === 0) throw new Error(`the kubelet does not say what ${name} holds`)
  return bytes
}

/** Rejects unless the kubelets speak of every Pod that runs, and of all its containers. */
async function checkNoneIsLeftOut(
  { kubernetes: { core }, namespace }: Installation,
  told: readonly SummaryOfPod[],
): Promise<void> {
  const known = new Set(
    told.flatMap(({ podRef, containers = [] }) =>
      containers.map(({ name }) => `${podRef.name} ${name}`),
    ),
  )
  const { items } = await core.listNamespacedPod({
    namespace,
    fieldSelector: 'status.phase=Running',
  })
  const running = items.flatMap(({ metadata, status }) =>
    (status?.containerStatuses ?? [])
      .filter(({ state }) => state?.running)
      .map(({ name }) => `${metadata?.name} ${name}`),
  )
  const missing = running.filter((name) => !known.has(name))
  if (running.length === 0 || missing.length > 0)
    throw new Error(
      `of ${running.length} containers of the release the kubelets leave out ${missing.join(', ') || 'none'}`,
    )
}
