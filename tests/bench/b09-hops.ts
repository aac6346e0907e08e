import { HTTP } from 'cloudevents'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import { atRest } from './at-rest.ts'
import { coldPush } from './cold-push.ts'
import {
  atMost,
  finding,
  median,
  quantile,
  spread,
  withBench,
  type Bench,
  type Benchmark,
  type Facts,
  type Finding,
  type Samples,
} from './harness.ts'
import { installation, missingCluster, type Installation } from './installation.ts'
import { podOf, startProbe, type Probe } from './probe.ts'
import type { Way } from './prober.ts'

const rounds = 5
const perRound = 100
const step = 'step-start-run'
// Longer than Knative keeps what nobody asks for.
const rest = 100_000

export default {
  id: 'B9',
  what: 'what it costs that functions stand behind Knative: hops, a cold push, memory at rest',
  missing: missingCluster,
  async run(bench) {
    const there = await installation(bench)
    // What probes is gone before what is at rest is looked at.
    const hops = await withBench((inner) => hopsOf(inner, there), {}, bench)
    bench.say(`everything rests for ${rest / 1000} s`)
    await wait(rest)
    return [...hops, ...(await atRest(bench, there)), await coldPush(bench, there)]
  },
} satisfies Benchmark

/** The same request on ways that are longer and longer. */
async function hopsOf(bench: Bench, there: Installation): Promise<Finding[]> {
  const probe = await startProbe(bench, there)
  const answered = await inRounds(bench, probe, 'answered', await waysToStep(there))
  const arrived = await inRounds(bench, probe, 'arrived', waysToProber(there, probe))
  const selector = `serving.knative.dev/service=${step}`
  const newest = 'jsonpath={.items[-1:].spec.mode}'
  const mode = await there.kubectl('get', 'serverlessservices', '-l', selector, '-o', newest)
  const facts: Facts = {
    ...describeAll(answered),
    'requests on each way': rounds * perRound,
    'the activator is in the way': mode === 'Proxy' ? 'yes' : 'no',
  }
  const p95 = (rounds: number[][]) => rounds.map((samples) => quantile(samples, 0.95))
  const beyond = (far: number[][], near: number[][]) =>
    spread(p95(far).map((ms, round) => ms - (p95(near)[round] ?? ms)))
  return [
    finding(
      { id: 'B9', what: `${step} by its Knative Service − by the IP of its Pod, p95`, unit: 'ms' },
      beyond(answered.service, answered.pod),
      atMost(10),
      facts,
    ),
    finding(
      {
        id: 'B9.broker',
        what: 'an event by Broker and Trigger − by the IP of the Pod, p95',
        unit: 'ms',
      },
      beyond(arrived.broker, arrived.pod),
      atMost(10),
      describeAll(arrived),
    ),
  ]
}

/** An event about a Run that does not exist: who is told looks, and has nothing to do. */
async function waysToStep(there: Installation) {
  const runId = randomUUID()
  const event = {
    id: randomUUID(),
    name: 'run.ready' as const,
    subject: runId,
    data: { runId, attempt: 1 },
    time: new Date(),
    traceparent: undefined,
  }
  const { headers, body } = HTTP.binary(toCloudEvent(event, 'bench', there.config))
  const message = { headers: headers as Record<string, string>, body: String(body) }
  const { ip } = await podOf(there, step)
  const service = there.config.functionUrl.replace('{function}', step)
  return {
    loopback: { ...message, url: 'http://127.0.0.1:8080/' },
    pod: { ...message, url: `http://${ip}:8080/` },
    'queue-proxy': { ...message, url: `http://${ip}:8012/` },
    service: { ...message, url: `${service}/` },
  }
}

/** An event for the prober alone. */
function waysToProber({ config }: Installation, { url }: Probe) {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-type': 'bench.sent',
    'ce-source': '/bench',
  }
  const message = { headers, body: '{}' }
  return {
    loopback: { ...message, url: 'http://127.0.0.1:8080/' },
    pod: { ...message, url: 'http://{self}:8080/' },
    service: { ...message, url: `${url}/` },
    broker: { ...message, url: config.brokerUrl ?? '' },
  }
}

/** The samples of each round, after one that warms up. */
async function inRounds<K extends string>(
  bench: Bench,
  probe: Probe,
  until: 'answered' | 'arrived',
  ways: Record<K, Way>,
): Promise<Record<K, number[][]>> {
  const all: Samples<K>[] = []
  for (let round = 0; round <= rounds; round += 1) {
    all.push(await probe.measure({ ways, times: perRound, until }))
    bench.say(`round ${round} of ${rounds}, until ${until}`)
  }
  const names = Object.keys(ways) as K[]
  return Object.fromEntries(
    names.map((name) => [name, all.slice(1).map((samples) => samples[name])]),
  ) as Record<K, number[][]>
}

const describeAll = (ways: Record<string, number[][]>): Facts =>
  Object.fromEntries(
    Object.entries(ways).map(([name, rounds]) => {
      const all = rounds.flat()
      return [`${name}, ms`, `p50 ${median(all).toFixed(2)}, p95 ${quantile(all, 0.95).toFixed(2)}`]
    }),
  )
