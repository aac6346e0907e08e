import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, test as base } from 'vitest'
import { expandVolumes } from './expand-volumes.ts'
import { apiServedBy } from './test-api.ts'

const mega = 1e6
const giga = 1e9
const growth = { namespace: 'there', margin: giga, delta: 5 * giga }
const mine = 'data-knitid-mine'

type Claim = { annotations?: Record<string, string>; request?: string; capacity?: string }

/** A namespace with programs of which each writes to one claim and reads another, on a node whose volumes are so full. */
type Place = {
  claims: Record<string, Claim>
  used: Record<string, number>
  refusal?: { code: number; message: string }
  kubelet?: number
  patched: [name: string, storage: string][]
}

const test = base.extend<{ place: Place; expand(): ReturnType<typeof expandVolumes> }>({
  place: async ({}, use) =>
    use({
      claims: { [mine]: { request: '10G' }, 'data-knitid-read': { request: '1G' } },
      used: {},
      patched: [],
    }),
  expand: async ({ place }, use) => {
    const { api, close } = await apiServedBy((request, response) => {
      void answer(place, request, response)
    })
    await use(() => expandVolumes(api, growth))
    close()
  },
})

async function answer(place: Place, request: IncomingMessage, response: ServerResponse) {
  const send = (body: unknown, code = 200) => {
    response.writeHead(code, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  const { pathname } = new URL(request.url ?? '', 'http://api')
  const [, name = ''] = /persistentvolumeclaims\/(.+)$/.exec(pathname) ?? []
  if (pathname === '/api/v1/namespaces/there/pods')
    return send({ items: [podOf(Object.keys(place.claims))] })
  if (pathname === '/api/v1/nodes/node%201/proxy/stats/summary')
    return send(summaryOf(place.used), place.kubelet)
  const claim = place.claims[name]
  if (!claim) return send({ message: `no ${pathname}` }, 404)
  if (request.method !== 'PATCH') return send(claimOf(name, claim))
  const body = (await json(request)) as {
    spec: { resources: { requests: { storage: string } } }
  }
  if (place.refusal) return send(place.refusal, place.refusal.code)
  place.patched.push([name, body.spec.resources.requests.storage])
  return send(claimOf(name, claim))
}

const claimOf = (name: string, { annotations, request, capacity }: Claim) => ({
  metadata: { name, annotations },
  spec: { resources: { requests: { storage: request } } },
  status: { ...(capacity && { capacity: { storage: capacity } }) },
})

const podOf = (claims: string[]) => ({
  metadata: { name: 'program' },
  status: { phase: 'Running' },
  spec: {
    nodeName: 'node 1',
    containers: [
      {
        name: 'main',
        volumeMounts: claims.map((name) => ({
          name,
          mountPath: `/${name}`,
          readOnly: name.endsWith('read'),
        })),
      },
    ],
    volumes: claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
  },
})

const summaryOf = (used: Record<string, number>) => ({
  pods: [
    {
      volume: [
        { name: 'tmp', usedBytes: 1 },
        ...Object.entries(used).map(([name, usedBytes]) => ({
          usedBytes,
          pvcRef: { name, namespace: 'there' },
        })),
      ],
    },
  ],
})

test('a claim that a program is about to fill is made larger', async ({ place, expand }) => {
  place.used = { [mine]: 9 * giga }
  expect(await expand()).toEqual([{ claim: mine, to: 15 * giga }])
  expect(place.patched).toEqual([[mine, String(15 * giga)]])
})

test('a claim with room enough is left as it is', async ({ place, expand }) => {
  place.used = { [mine]: 9 * giga - mega }
  expect(await expand()).toEqual([])
})

test('what has been asked for already counts, and what there is if that is more', async ({
  place,
  expand,
}) => {
  place.used = { [mine]: 9 * giga }
  place.claims[mine] = { request: '15G', capacity: '10G' }
  expect(await expand()).toEqual([])
  place.claims[mine] = { request: '10G', capacity: '11G' }
  expect(await expand()).toEqual([])
})

test('a claim that is only read is left as it is, however full', async ({ place, expand }) => {
  place.used = { 'data-knitid-read': giga }
  expect(await expand()).toEqual([])
})

test('the claim of the database, and those of others, are nobody’s to grow', async ({
  place,
  expand,
}) => {
  place.claims = { 'data-postgres-0': { request: '1G' }, theirs: { request: '1G' } }
  place.used = { 'data-postgres-0': giga, theirs: giga }
  expect(await expand()).toEqual([])
})

test.for(['knitfab.dev/expand', 'vex.knitfab/managed'])(
  'a claim of which %s is false is left as it is',
  async (annotation, { place, expand }) => {
    place.claims[mine] = { request: '1G', annotations: { [annotation]: 'false' } }
    place.used = { [mine]: giga }
    expect(await expand()).toEqual([])
  },
)

test('what cannot be made larger is told in the words of Kubernetes, and keeps nothing else from growing', async ({
  place,
  expand,
}) => {
  place.claims['data-knitid-gone'] = { request: '1G' }
  place.used = { 'data-knitid-none': giga, [mine]: 10 * giga }
  place.refusal = { code: 403, message: 'only dynamically provisioned pvc can be resized' }
  const [told, ...more] = await expand()
  expect(more).toEqual([])
  expect(told).toMatchObject({
    claim: mine,
    error: expect.objectContaining({
      message: expect.stringContaining('only dynamically provisioned pvc can be resized'),
    }),
  })
})

test('a kubelet that does not say how full volumes are is told', async ({ place, expand }) => {
  place.kubelet = 502
  expect(await expand()).toMatchObject([
    { error: expect.objectContaining({ message: expect.stringMatching(/kubelet of node 1/) }) },
  ])
})
