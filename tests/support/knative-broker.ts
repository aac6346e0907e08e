import {
  CoreV1Api,
  KubernetesObjectApi,
  type KubeConfig,
  type KubernetesObject,
} from '@kubernetes/client-node'
import { CloudEvent, HTTP, type Message } from 'cloudevents'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { httpBus } from '#shared/adapters/http-bus.ts'
import type { EventSigner } from '#shared/adapters/cloud-event.ts'
import { workerChangePrefix } from '#shared/contracts/worker-change.ts'
import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import { eventTriggers } from '#shared/render/knative/triggers.ts'
import { deadLetterStep } from '#shared/workflow/triggers.ts'
import { isReady, newNamespace, testConfig } from './kubernetes.ts'
import { until } from './until.ts'

/** Gets what a Broker delivers: the service it was for, and the message. A rejection breaks the line. */
export type Receive = (service: string, message: Message) => Promise<Response>

/** A Broker with the Triggers of the workflow, of which every step is this process. */
export type TestBroker = {
  bus(signer: EventSigner): EventBus
  receive: Receive
  remove(): Promise<void>
}

const nobody: Receive = async () => new Response(null, { status: 202 })

/** Makes one in a namespace of its own, in which events are delivered so many times before they are dead letters. */
export async function openBroker(tries: number): Promise<TestBroker> {
  const undo = new AsyncDisposableStack()
  try {
    return await makeBroker(tries, undo)
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

async function makeBroker(tries: number, undo: AsyncDisposableStack): Promise<TestBroker> {
  const config = testConfig()
  const objects = KubernetesObjectApi.makeApiClient(config)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = newNamespace()
  const { port, close } = await listen((service, message) => broker.receive(service, message))
  undo.defer(close)
  const proxy = await openProxy()
  undo.defer(proxy.close)
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  undo.defer(async () => void (await core.deleteNamespace({ name: namespace })))

  const address = process.env['KNIT_TEST_ADDRESS'] ?? (await addressTowards(config))
  const triggers = triggersOf(namespace, tries)
  const made = [brokerOf(namespace), ...triggers.objects]
  for (const service of triggers.services)
    for (const object of servedHere(namespace, service, address, port)) await objects.create(object)
  for (const object of made) {
    await objects.create(object)
    undo.defer(async () => void (await objects.delete(object)))
  }
  for (const object of made) await untilReady(objects, object)

  const { status } = await objects.read<WithAddress>(headOf(brokerOf(namespace)))
  const url = `${proxy.url}${proxied(status.address.url)}`
  const broker: TestBroker = {
    receive: nobody,
    bus: (signer) => busTo(url, signer),
    remove: () => undo.disposeAsync(),
  }
  await comesThrough(broker, `${address}:${port}`)
  return broker
}

/** A way from this machine into a Broker that is there, at its URL in the cluster, as functions take it. */
export async function openWay(brokerUrl: string, signer: EventSigner) {
  const proxy = await openProxy()
  return { bus: busTo(`${proxy.url}${proxied(brokerUrl)}`, signer), close: proxy.close }
}

type WithAddress = KubernetesObject & { status: { address: { url: string } } }

const headOf = ({ apiVersion = '', kind = '', metadata }: KubernetesObject) => ({
  apiVersion,
  kind,
  metadata: { name: metadata?.name ?? '', namespace: metadata?.namespace },
})

const untilReady = (objects: KubernetesObjectApi, object: KubernetesObject) =>
  until(async () => isReady(await objects.read(headOf(object))))

const name = 'test'

const brokerOf = (namespace: string): KubernetesObject => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  // As in the chart.
  metadata: { name, namespace, annotations: { 'messaging.knative.dev/async-handler': 'true' } },
})

/** The Triggers of the chart, with hardly a pause between two tries, and the services they name. */
function triggersOf(namespace: string, tries: number) {
  const refTo = (service: string) => ({ ref: { apiVersion: 'v1', kind: 'Service', name: service } })
  const sink = `step-${deadLetterStep}`
  const rendered = eventTriggers() as unknown as {
    metadata: { name: string }
    spec: { filters: object[]; subscriber: { ref: { name: string } } }
  }[]
  const objects = rendered.map(({ metadata, spec: { filters, subscriber } }) => ({
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name: metadata.name, namespace },
    spec: {
      broker: name,
      filters,
      subscriber: refTo(subscriber.ref.name),
      delivery: {
        retry: tries - 1,
        backoffPolicy: 'linear',
        backoffDelay: 'PT0.05S',
        deadLetterSink: refTo(sink),
      },
    },
  }))
  return { objects, services: [...objects.map(({ spec }) => spec.subscriber.ref.name), sink] }
}

/** A Service of the cluster that is this process. */
const servedHere = (
  namespace: string,
  service: string,
  address: string,
  port: number,
): (KubernetesObject & Record<string, unknown>)[] => [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service, namespace },
    spec: { ports: [{ name: 'http', port: 80 }] },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  },
]

async function listen(receive: Receive) {
  const server = createServer((request, response) => void serve(receive, request, response))
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, close }
}

async function serve(
  receive: Receive,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [service = ''] = (request.headers.host ?? '').split('.')
  try {
    const answer = await receive(service, { headers: request.headers, body: await text(request) })
    response.writeHead(answer.status).end(await answer.text())
  } catch {
    // What was read to its end does not take its line with it.
    request.socket.destroy()
  }
}

/** A way to the services of the cluster, through the API server. */
async function openProxy() {
  const context = process.env['KNIT_TEST_KUBECTX']
  const flags = ['--port=0', '--kubeconfig', process.env['KNIT_TEST_KUBECONFIG'] ?? '']
  const child = spawn('kubectl', ['proxy', ...flags, ...(context ? ['--context', context] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const [place] = /127\.0\.0\.1:\d+/.exec(said.toString()) ?? []
  return { url: `http://${place}`, close: () => void child.kill() }
}

/** The path of the proxy to a URL of the cluster: `http://SERVICE.NAMESPACE.svc…/PATH`. */
function proxied(url: string): string {
  const { hostname, port, pathname } = new URL(url)
  const [service, namespace] = hostname.split('.')
  return `/api/v1/namespaces/${namespace}/services/${service}:${port || 80}/proxy${pathname}`
}

/** The address by which the API server sees this machine: Pods may see it so, too. */
async function addressTowards(config: KubeConfig): Promise<string> {
  const { hostname, port } = new URL(config.getCurrentCluster()?.server ?? '')
  const socket = connect(Number(port || 443), hostname)
  await once(socket, 'connect')
  const { localAddress = '' } = socket
  socket.destroy()
  return localAddress
}

/** Publishes as functions do; a change of a worker is told of by an ApiServerSource, in its own words. */
function busTo(url: string, signer: EventSigner): EventBus {
  const ours = httpBus(url, 'test', signer)
  return {
    async publish(events) {
      for (const event of events)
        await (event.name === 'worker.changed' ? tellOfChange(url, event) : ours.publish([event]))
    },
  }
}

async function tellOfChange(url: string, { id, data }: KnitEvent): Promise<void> {
  const worker = String((data as { worker: string }).worker)
  const change = new CloudEvent({
    id,
    type: `${workerChangePrefix}ref.delete`,
    source: 'https://10.96.0.1:443',
    subject: `/apis/batch/v1/namespaces/any/jobs/${worker}`,
    kind: 'Job',
    data: { kind: 'Job', name: worker },
  })
  const { headers, body } = HTTP.binary(change)
  const answer = await fetch(url, {
    method: 'POST',
    headers: headers as Record<string, string>,
    body: String(body),
  })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
}

/** Waits for a first event, so that who cannot be reached says so. */
async function comesThrough(broker: TestBroker, place: string): Promise<void> {
  let seen = false
  broker.receive = async () => {
    seen = true
    return new Response(null, { status: 202 })
  }
  const first: KnitEvent = {
    id: 'first',
    name: 'volume.dropped',
    subject: 'first',
    data: {},
    time: new Date(),
  }
  await broker.bus({ release: 'any', signingKey: 'any' }).publish([first])
  try {
    await until(() => seen)
  } catch (cause) {
    throw new Error(
      `no event of the Broker has come to this machine at ${place}: set KNIT_TEST_ADDRESS to an address of it that Pods reach`,
      { cause },
    )
  }
  broker.receive = nobody
}
