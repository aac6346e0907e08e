import { CloudEvent, HTTP, type CloudEventV1 } from 'cloudevents'
import { randomUUID } from 'node:crypto'
import { signCall } from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import { agentPort } from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import { routes } from '#shared/contracts/index.ts'
import { routeFolder, type Route } from '#shared/contracts/route.ts'
import { runs } from '#shared/contracts/runs.ts'
import { workerChangePrefix } from '#shared/contracts/worker-change.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { clockSteps, deadLetterStep, triggers } from '#shared/workflow/triggers.ts'
import { urlOf } from './functions.ts'
import { outputOf } from './work.ts'

/** A request, what people call it, and the only answers it may get. */
export type Attempt = { what: string; expected: readonly (number | string)[] } & Request
export type Request = { url: string; method?: string; headers?: Headers; body?: string }
type Headers = Record<string, string>

const headersWith = (name: string, value: string | undefined): Headers =>
  value ? { [name]: value } : {}

/** The release under attack, with its key, and runs that something might be done to. */
export type Target = {
  namespace: string
  signingKey: string
  running: RunDetail
  done: RunDetail
}

const otherKey = 'a key that nobody of this release has'

/** Each route of the API, called past the gateway. */
export async function callsPastGateway(target: Target): Promise<Attempt[]> {
  const master = { name: 'stranger', role: 'admin' } as const
  const calls = routes.map(async (route): Promise<Attempt[]> => {
    const identities = {
      nobody: undefined,
      'somebody who made it up': 'made.up.identity',
      'somebody with another key': await signIdentity(master, route.name, otherKey),
      'whoever may call another route': await signIdentity(master, 'other', target.signingKey),
    }
    return Object.entries(identities).map(([who, identity]) => ({
      what: `${route.name} by ${who}`,
      ...callOf(route, `api-${routeFolder(route)}`, target),
      headers: headersWith(identityHeader, identity),
      expected: [401],
    }))
  })
  return (await Promise.all(calls)).flat()
}

/** The same through the gateway, without its token; what speaks for our functions is taken away there. */
export const callsOfGateway = (target: Target): Attempt[] =>
  routes.flatMap((route) =>
    [undefined, 'Bearer ', 'Bearer made-up-token'].map((authorization) => ({
      what: `${route.name} through the gateway with the authorization ${authorization}`,
      ...callOf(route, 'gateway', target),
      headers: { [identityHeader]: 'made.up.identity', ...(authorization && { authorization }) },
      // Who guesses so often is told to wait.
      expected: [401, 429],
    })),
  )

function callOf(route: Route, service: string, { namespace, running, done }: Target): Request {
  const isStop = route === runs.abort || route === runs.tearoff
  const path = route.path
    .replace(':runId', isStop ? running.runId : done.runId)
    .replace(':planId', done.plan.planId)
    .replace(':knitId', outputOf(done))
  return { url: urlOf(service, namespace) + path, method: route.method.toUpperCase() }
}

/** An event that a step would act on: about a run that is running. */
function eventAbout({ running }: Target, name: KnitEvent['name']): KnitEvent {
  const { runId, attempt = 1, plan } = running
  const worker = workerOf({ id: runId, attempt })
  const ids = { runId, attempt, planId: plan.planId, knitId: outputOf(running), worker }
  return { id: randomUUID(), name, subject: runId, data: ids, time: new Date() }
}

const posted = (event: CloudEventV1<unknown>): Omit<Request, 'url'> => {
  const { headers, body } = HTTP.binary(event)
  return { method: 'POST', headers: headers as Headers, body: String(body) }
}

/** The same event as it may be forged, each with an id of its own. */
function forgeries(target: Target, name: KnitEvent['name']): Record<string, CloudEvent<unknown>> {
  const { signingKey } = target
  const made = (key: string) =>
    toCloudEvent(eventAbout(target, name), 'start-run', { release: 'knitfab', signingKey: key })
  const { knitsignature: _signature, ...unsigned } = made(signingKey)
  return {
    unsigned: new CloudEvent(unsigned),
    'signed with another key': made(otherKey),
    'changed since it was signed': made(signingKey).cloneWith({ id: randomUUID() }),
  }
}

/** Events given straight to the steps that serve them, and to the one that keeps dead letters. */
export function eventsForSteps(target: Target): Attempt[] {
  const { namespace } = target
  const steps = Object.entries(triggers).map(([step, names]) => ({ step, name: names[0] }))
  const letter = {
    knativeerrordest: `${urlOf('step-start-run', namespace)}/`,
    knativeerrorcode: '500',
  }
  return [...steps, { step: deadLetterStep, name: 'run.ready' as const }].flatMap(
    ({ step, name }) =>
      Object.entries(forgeries(target, name)).map(([how, event]) => ({
        what: `${name}, ${how}, to ${step}`,
        ...posted(step === deadLetterStep ? event.cloneWith(letter) : event),
        url: urlOf(`step-${step}`, namespace),
        expected: [401],
      })),
  )
}

/** What wakes steps from outside needs no signature, for nothing in it is believed. */
export function wakeUps(target: Target): Attempt[] {
  const { namespace, running } = target
  const { runId: id, attempt = 1 } = running
  const change = new CloudEvent({
    type: `${workerChangePrefix}resource.delete`,
    source: '/stranger',
    subject: `/apis/batch/v1/namespaces/${namespace}/jobs/${workerOf({ id, attempt })}`,
    data: {},
  })
  const letter = change.cloneWith({
    knativeerrordest: `${urlOf('step-finish-run', namespace)}/`,
    knativeerrorcode: '500',
    knativeerrordata: Buffer.from('words of a stranger').toString('base64'),
  })
  return [
    ...['observe-worker', 'finish-run'].map((step) => ({ step, ...posted(change) })),
    { step: deadLetterStep, ...posted(letter) },
    ...clockSteps.map((step) => ({ step, method: 'POST', body: '{}' })),
  ].map(({ step, ...request }) => ({
    what: `a wake-up of ${step}`,
    ...request,
    url: urlOf(`step-${step}`, namespace),
    expected: [202],
  }))
}

/** The agent of a volume at an address, asked for what it has; and by us, so that it is known to have been asked for that. */
export async function callsOfAgent(address: string, target: Target): Promise<Attempt[]> {
  const { signingKey, running, done } = target
  const volume = volumeOf(outputOf(done))
  const callBy = (who: string, token: string | undefined, status: number) => (call: string) => {
    const [method, part] = call.split(' ')
    return {
      what: `${call} of an agent by ${who}`,
      method,
      url: `http://${address}:${agentPort}/${volume}/${part}`,
      headers: headersWith('authorization', token && `Bearer ${token}`),
      expected: [status],
    }
  }
  const tokens = {
    nobody: undefined,
    'somebody who made it up': 'made.up.token',
    'somebody with another key': await signCall(volume, otherKey),
    'whoever may have another volume': await signCall(volumeOf(outputOf(running)), signingKey),
  }
  return [
    ...Object.entries(tokens).flatMap(([who, token]) =>
      ['GET content', 'GET log', 'GET measure', 'PUT content'].map(callBy(who, token, 401)),
    ),
    callBy('us', await signCall(volume, signingKey), 200)('GET content'),
  ]
}

/** Events given to the broker, which takes all, and the ids by which the step that is served them knows them. */
export function eventsForBroker(
  url: string,
  target: Target,
): { attempts: Attempt[]; ids: string[] } {
  const events = Object.entries(forgeries(target, 'run.aborting'))
  const attempts = events.map(([how, event]) => ({
    what: `run.aborting, ${how}, to the broker`,
    ...posted(event),
    url,
    expected: [202],
  }))
  return { attempts, ids: events.map(([, { id }]) => id) }
}
