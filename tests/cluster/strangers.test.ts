import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { agentName } from '#shared/adapters/kubernetes-cluster/agent-pod.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { admin } from '#shared/contracts/admin.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { openWay } from '#tests/support/knative-broker.ts'
import { until } from '#tests/support/until.ts'
import {
  callsOfAgent,
  callsOfGateway,
  callsPastGateway,
  eventsForBroker,
  eventsForSteps,
  wakeUps,
  type Attempt,
} from './forged.ts'
import { test as base } from './installed.ts'
import { isRunning, outputOf, untilStopped } from './work.ts'

type Fixtures = {
  signingKey: string
  brokerUrl: string
  /** Lets a program of a user try all of these, and says how each was answered. */
  asStranger(attempts: Attempt[]): Promise<(number | string)[]>
  /** What a function has printed. */
  printedBy(service: string): Promise<string>
}

const test = base.extend<Fixtures>({
  signingKey: async ({ cluster: { core }, there: { namespace } }, use) => {
    const name = 'knitfab-signing-key'
    const secret = await core.readNamespacedSecret({ namespace, name })
    await use(Buffer.from(secret.data?.['KNIT_SIGNING_KEY'] ?? '', 'base64').toString())
  },
  brokerUrl: async ({ cluster: { core }, there: { namespace } }, use) => {
    const settings = await core.readNamespacedConfigMap({ namespace, name: 'knitfab-settings' })
    await use(settings.data?.['KNIT_BROKER_URL'] ?? '')
  },
  asStranger: async ({ work, knit, there, folder }, use) =>
    use(async (attempts) => {
      const tag = `for:${randomUUID()}`
      const source = join(folder, 'requests')
      mkdirSync(source)
      writeFileSync(join(source, 'requests.json'), JSON.stringify(attempts))
      await knit('data', 'push', '--tag', tag, source)
      const program = readFileSync(new URL('stranger.cjs', import.meta.url), 'utf8')
      const runId = await work.start('', {
        image: there.images.node,
        entrypoint: ['node', '-e', program],
        inputs: [{ path: '/in', tags: [tag] }],
        resources: { cpu: '250m', memory: '256Mi' },
      })
      const run = await work.end(runId)
      expect(run).toMatchObject({ status: 'done' })
      const { 'answers.json': answers = '[]' } = await work.pull(outputOf(run))
      return JSON.parse(answers)
    }),
  printedBy: async ({ cluster: { core }, there: { namespace } }, use) =>
    use(async (service) => {
      const labelSelector = `serving.knative.dev/service=${service}`
      const { items } = await core.listNamespacedPod({ namespace, labelSelector })
      const logs = items.map(({ metadata }) =>
        core.readNamespacedPodLog({
          namespace,
          name: metadata?.name ?? '',
          container: 'function',
        }),
      )
      return (await Promise.all(logs)).join('')
    }),
})

/** Everything that people see, by its id. */
async function everything(api: KnitApi): Promise<Map<string, unknown>> {
  const [allRuns, allData, allPlans, dead] = await Promise.all([
    api.call(runs.find, {}),
    api.call(data.find, {}),
    api.call(plans.find, {}),
    api.call(admin.events, { dead: 'true' }),
  ])
  return new Map<string, unknown>([
    ...allRuns.map((run): [string, unknown] => [run.runId, run]),
    ...allData.map((one): [string, unknown] => [one.knitId, one]),
    ...allPlans.map((plan): [string, unknown] => [plan.planId, plan]),
    ['dead letters', dead],
  ])
}

/** A network that enforces policies lets nothing come so far as to be refused. */
const isKeptOff = (answers: (number | string)[]): boolean =>
  answers.every((answer) => typeof answer === 'string' && answer !== 'ENOTFOUND')

test('a program of a user gets nothing from functions, steps, agents and broker that our signature is needed for, and changes nothing', async ({
  work,
  api,
  cluster: { core },
  there: { namespace, mayEnforcePolicies },
  signingKey,
  brokerUrl,
  asStranger,
  printedBy,
}) => {
  const [done, running] = await Promise.all([
    work.start('echo kept > /out/text').then(work.end),
    work.start(untilStopped).then((runId) => work.until(runId, isRunning)),
  ])
  const target = { namespace, signingKey, running, done }
  // Who has just been asked lives for another minute.
  await work.pull(outputOf(done))
  const name = agentName(volumeOf(outputOf(done)), 'ro')
  const agent = await core.readNamespacedPod({ namespace, name })
  const before = await everything(api)

  const broker = eventsForBroker(brokerUrl, target)
  const attempts = [
    ...(await callsPastGateway(target)),
    ...callsOfGateway(target),
    ...eventsForSteps(target),
    ...wakeUps(target),
    ...(await callsOfAgent(agent.status?.podIP ?? '', target)),
    ...broker.attempts,
  ]
  const answers = await asStranger(attempts)
  if (!(mayEnforcePolicies && isKeptOff(answers))) {
    const others = attempts.flatMap(({ what, expected }, index) => {
      const answer = answers[index] ?? 'nothing'
      return expected.includes(answer) ? [] : [`${what}: ${answer}`]
    })
    expect(others).toEqual([])
    await until(async () => {
      const printed = await printedBy('step-finish-run')
      return broker.ids.every((id) => printed.includes(id))
    })
  }

  const after = await everything(api)
  expect(new Map([...before.keys()].map((id) => [id, after.get(id)]))).toEqual(before)
  // The upload, and the run, of the stranger: each with its data, and a plan.
  expect(after.size - before.size).toBe(2 + 3 + 1)
})

test('an event that no step can take is a dead letter, which admins see with its reason and drop', async ({
  api,
  signingKey,
  brokerUrl,
}) => {
  const subject = randomUUID()
  const way = await openWay(brokerUrl, { release: 'knitfab', signingKey })
  const tell = () =>
    way.bus.publish([
      { id: randomUUID(), name: 'run.ready', subject, data: { runId: 7 }, time: new Date() },
    ])
  const letters = () => api.call(admin.events, { dead: 'true' })
  const given = () => until(async () => (await letters()).find((one) => one.subject === subject))

  // Nothing is due of a run that is not there, so the letter may be forgotten before it is dropped.
  const dropped = await until(async () => {
    await tell()
    const letter = await given()
    const drop = api.call(admin.drop, { body: { eventIds: [letter.eventId] } })
    const isDropped = await drop.then(
      ({ dropped }) => dropped === 1,
      (error: { status?: number }) => error.status !== 404 && Promise.reject(error),
    )
    return isDropped ? letter : undefined
  })
  way.close()
  expect(dropped.dead).toMatchObject({
    step: 'start-run',
    cause: expect.stringContaining('runId'),
    times: 1,
  })
  expect((await letters()).filter((one) => one.subject === subject)).toEqual([])
})
