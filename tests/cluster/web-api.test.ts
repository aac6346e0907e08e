import { randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import { describe, expect } from 'vitest'
import * as z from 'zod'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { labelsFor } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { data } from '#shared/contracts/data.ts'
import { events } from '#shared/contracts/watch.ts'
import { routes } from '#shared/contracts/index.ts'
import { imports } from '#shared/contracts/imports.ts'
import type { Route } from '#shared/contracts/route.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { until } from '#tests/support/until.ts'
import type { Installed } from './installation.ts'
import { test } from './installed.ts'
import { isRunning, outputOf, untilStopped, type Work } from './work.ts'

/** A request to a route: what stands for the parameters of its path, what follows that, and a body. */
type Asked = {
  params?: Record<string, string>
  query?: string
  body?: unknown
  type?: string
  /** The status, where it is not the one of success. */
  status?: number
}

/** A run that is done, and one that goes on. */
type Scene = { done: RunDetail; work: Work }

const planOf = ({ done }: Scene) => ({ params: { planId: done.plan.planId } })
const dataOf = ({ done }: Scene) => ({ params: { knitId: outputOf(done) } })
const doneRun = ({ done }: Scene) => ({ params: { runId: done.runId } })
const goingRun = async ({ work }: Scene) => {
  const runId = await work.start(untilStopped)
  await work.until(runId, isRunning)
  return { params: { runId } }
}
const endedRun = async ({ work }: Scene) => {
  const runId = await work.start('echo > /out/text')
  await work.end(runId)
  return { params: { runId } }
}
const nothing = () => ({})
const deadEvents = () => ({ body: { eventIds: [randomUUID()] }, status: 404 })
const token = `test-${randomUUID().slice(0, 8)}`

/** What each route is asked. */
const asks: Record<string, (scene: Scene) => Asked | Promise<Asked>> = {
  'data.find': ({ done }) => ({ query: `?tag=knit%23id:${outputOf(done)}&limit=1` }),
  'data.push': () => ({
    body: tgz(entry({ name: 'a' }, 'x')),
    type: 'application/tar+gzip',
    query: '?tag=web:api',
  }),
  'data.pull': dataOf,
  'data.show': dataOf,
  'data.ls': (scene) => ({ ...dataOf(scene), query: '?path=text' }),
  'data.cat': (scene) => ({ ...dataOf(scene), query: '?path=text' }),
  'data.tag': (scene) => ({ ...dataOf(scene), body: { add: ['web:api'] } }),
  'plans.find': () => ({ query: '?limit=10' }),
  'plans.apply': () => ({
    query: '?dryRun',
    body: { image: 'web.test/a:1', inputs: [{ path: '/in', tags: [`never:${randomUUID()}`] }] },
  }),
  'plans.show': planOf,
  'plans.usage': planOf,
  'plans.deactivate': planOf,
  'plans.activate': planOf,
  'plans.resource': (scene) => ({ ...planOf(scene), body: { set: { cpu: '60m' } } }),
  'plans.annotate': (scene) => ({ ...planOf(scene), body: { add: ['web=api'] } }),
  'plans.setaccount': (scene) => ({ ...planOf(scene), body: { service_account: '' } }),
  'plans.unsetaccount': planOf,
  'runs.find': ({ done }) => ({ query: `?plan=${done.plan.planId}` }),
  'runs.show': doneRun,
  'runs.history': doneRun,
  'runs.log': doneRun,
  'runs.abort': goingRun,
  'runs.tearoff': goingRun,
  'runs.retry': endedRun,
  'runs.delete': endedRun,
  'lineage.show': ({ done }) => ({ params: { id: done.runId } }),
  'explain.show': ({ done }) => ({ query: `?plan=${done.plan.planId}&run=${done.runId}` }),
  'admin.check': () => ({ query: '?patience=600' }),
  'admin.hooks': nothing,
  'admin.garbage': nothing,
  'admin.events': nothing,
  'admin.replay': deadEvents,
  'admin.drop': deadEvents,
  'admin.audit': () => ({ query: '?limit=1' }),
  'tokens.create': () => ({ body: { name: token, role: 'viewer', lifetime: 60 } }),
  'tokens.list': nothing,
  'tokens.revoke': () => ({ params: { name: token } }),
  'access.whoami': nothing,
}

// Of these nouns what one route makes is there for the next, in the order above.
const inOrder = ['plans', 'tokens']

// They are no answer to one request.
const apart = ['events.watch', 'imports.begin', 'imports.end']

test('there is a request here for every route', () => {
  const known = [...Object.keys(asks), ...apart]
  expect(known.toSorted()).toEqual(routes.map(({ name }) => name).toSorted())
})

function send({ apiRoot, token }: Installed, { method, path }: Route, asked: Asked = {}) {
  const { params = {}, query = '', body, type = 'application/json' } = asked
  const filled = path
    .slice('/api'.length)
    .replace(/:(\w+)/g, (_, name: string) => params[name] ?? '')
  const sent =
    body === undefined || Buffer.isBuffer(body) || typeof body === 'string'
      ? body
      : JSON.stringify(body)
  return fetch(apiRoot + filled + query, {
    method: method.toUpperCase(),
    headers: {
      authorization: `Bearer ${token}`,
      ...(sent !== undefined && { 'content-type': type }),
    },
    ...(sent !== undefined && { body: sent as string }),
  })
}

/** That a route answers what its contract says. */
async function expectAnswer(there: Installed, name: string, asked?: Asked): Promise<void> {
  const route = routes.find((one) => one.name === name)
  if (!route || !asked) throw new Error(`there is no route ${name}`)
  const response = await send(there, route, asked)
  const text = await response.text()
  const status = asked.status ?? route.status ?? 200
  expect({ name, status: response.status, text: text.slice(0, 500) }).toMatchObject({ status })
  if (status >= 400) return
  const isStream = typeof route.response === 'string'
  expect({ name, type: response.headers.get('content-type') }).toEqual({
    name,
    type: isStream ? route.response : 'application/json',
  })
  if (route.response instanceof z.ZodType && !(route.response instanceof z.ZodVoid))
    expect({ name, error: route.response.safeParse(JSON.parse(text)).error }).toEqual({ name })
}

describe.concurrent('through the gateway', () => {
  test('every route answers what its contract says', async ({ there, work }) => {
    const done = await work.end(await work.start('echo said; cp /in/text /out/text'))
    const answered: string[] = []
    const askAll = async (names: readonly string[]) => {
      for (const name of names) {
        await expectAnswer(there, name, await asks[name]?.({ done, work }))
        answered.push(name)
      }
    }
    const atOnce = Object.groupBy(Object.keys(asks), (name) => {
      const [noun = ''] = name.split('.')
      return inOrder.includes(noun) ? noun : name
    })
    await Promise.all(Object.values(atOnce).map((names = []) => askAll(names)))
    expect(answered.toSorted()).toEqual(Object.keys(asks).toSorted())
  })

  test('moves of runs are told while they happen', async ({ there, work }) => {
    const response = await send(there, events.watch)
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const runId = await work.start('echo > /out/text')
    let heard = ''
    while (!new RegExp(`${runId}.*"status":"done"`).test(heard))
      heard += (await reader?.read())?.value ?? ''
    await reader?.cancel()
    expect(heard).toMatch(/^id: \d+\nevent: run\ndata: \{/m)
  })

  test('a claim that somebody makes is imported, and becomes data', async ({
    there,
    cluster: { core },
  }) => {
    const { namespace } = there
    const body = await (await send(there, imports.begin)).text()
    const { sub: name = '', ...claims } = decodeJwt(body)
    const end = () => send(there, imports.end, { body, type: 'application/jwt' })
    expect((await end()).status).toBe(400)
    await core.createNamespacedPersistentVolumeClaim({
      namespace,
      body: {
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
      },
    })
    await until(async () => (await end()).status === 200)
    const shown = await until(async () => {
      const asked = { params: { knitId: String(claims['knitfab/knitId']) } }
      const answer = (await (await send(there, data.show, asked)).json()) as z.infer<
        typeof data.show.response
      >
      return answer.upstream.run.status === 'done' ? answer : undefined
    })
    expect(shown.content).toMatchObject({ bytes: 0, files: 0 })
    const claim = await core.readNamespacedPersistentVolumeClaim({ namespace, name })
    expect(claim.metadata?.labels).toMatchObject(labelsFor('data', name, {}))
    expect((await end()).status).toBe(401)
  })
})
