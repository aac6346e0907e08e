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
  waitingFor,
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

/** What the Pods of the release hold, once the kubelets speak of all that run: of one that has just begun they do not yet. */
async function heldBy(there: Installation): Promise<Held> {
  const soon = waitingFor('the kubelets to say what every container of the release holds')
  for (;;) {
    const running = await containersThatRun(there)
    const pods = await podsToldOf(there)
    const told = new Set(
      pods.flatMap((pod) => [
        ...(isTold(pod) ? [pod.podRef.name] : []),
        ...(pod.containers ?? []).filter(isTold).map(({ name }) => `${pod.podRef.name} ${name}`),
      ]),
    )
    const silent = running
      .flatMap(({ pod, name }) => [pod, `${pod} ${name}`])
      .filter((name) => !told.has(name))
    if (running.length > 0 && silent.length === 0) {
      const names = new Set(running.map(({ pod }) => pod))
      return heldIn(pods.filter(({ podRef }) => names.has(podRef.name)))
    }
    await soon(1000, `nothing is said of ${silent.join(', ') || 'any'}`)
  }
}

function heldIn(pods: readonly SummaryOfPod[]): Held {
  const containers = Map.groupBy(
    pods.flatMap(({ containers = [] }) => containers),
    ({ name }) => name,
  )
  const parts = [...containers].map(
    ([name, all]) =>
      [`${name} × ${all.length}, MiB`, rounded(sum(all.map(bytesOf)) / 2 ** 20)] as const,
  )
  return {
    bytes: sum(pods.map(bytesOf)),
    facts: { Pods: pods.length, ...Object.fromEntries(parts) },
  }
}

const bytesOf = ({ memory }: Used): number => memory?.workingSetBytes ?? 0

/** A kubelet that counts nothing would make us look small. */
const isTold = (used: Used): boolean => bytesOf(used) > 0

/** What the kubelets of all nodes say of the Pods of the release. */
async function podsToldOf({ kubernetes, kubectl, namespace }: Installation) {
  const { items } = await kubernetes.core.listNode()
  const summaries = await Promise.all(
    items.map(async ({ metadata }) => {
      const path = `/api/v1/nodes/${metadata?.name}/proxy/stats/summary`
      return JSON.parse(await kubectl('get', '--raw', path)) as Summary
    }),
  )
  return summaries
    .flatMap(({ pods }) => pods)
    .filter(({ podRef }) => podRef.namespace === namespace)
}

async function containersThatRun({ kubernetes: { core }, namespace }: Installation) {
  const { items } = await core.listNamespacedPod({
    namespace,
    fieldSelector: 'status.phase=Running',
  })
  return items.flatMap(({ metadata, status }) =>
    (status?.containerStatuses ?? [])
      .filter(({ state }) => state?.running)
      .map(({ name }) => ({ pod: metadata?.name ?? '', name })),
  )
}
