import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect } from 'vitest'
import { isCall, publicKeyFrom } from '#shared/adapters/kubernetes-cluster/agent-identity.ts'
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster/kubernetes-cluster.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import { apiServedBy } from '#shared/adapters/kubernetes-cluster/test-api.ts'
import { pack } from '#shared/archive/pack.ts'
import { idempotencyHeader } from '#shared/contracts/route.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import type { Cluster, Transfers } from '#shared/ports/cluster.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { temporaryFolder } from '#tests/support/local-home.ts'
import { measured } from '#tests/support/runs.ts'
import { call, signingKey, test as base } from '#tests/support/world.ts'
import { routeFunctions } from '../../functions/functions.generated.ts'
import { createAgent } from '../../functions/jobs/agent/agent.ts'
import { push, runIn } from './arrange.ts'
import { bringToRest, deliverAll, makeQuietWorld, type QuietWorld } from './quiet-world.ts'

type Layout = ClusterSettings['volumes']['layout']
type Away = Cluster & Transfers

const workers: ClusterSettings['workers'] = {
  priorityClass: '',
  serviceAccounts: [],
  pullSecrets: [],
  profile: 'baseline',
  grace: 1,
  podGrace: 1,
}

/** Kubernetes whose API server nobody reaches; of the agent that has all data mounted, nothing is away. */
const test = base.extend<{ folder: string; away: Record<Layout, Away>; world: QuietWorld }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('knit-away-')
    await use(folder.path)
    await folder.remove()
  },
  away: async ({ folder }, use) => {
    const { api, close } = await apiServedBy(() => {})
    close()
    const folders = { volumes: join(folder, 'volumes'), trash: join(folder, 'trash') }
    for (const path of Object.values(folders)) mkdirSync(path)
    const key = publicKeyFrom(signingKey)
    const agent = createAgent({ folders, mayCall: (token, about) => isCall(token, about, key) })
    await once(agent.listen(0, '127.0.0.1'), 'listening')
    const agentUrl = `http://127.0.0.1:${(agent.address() as AddressInfo).port}`
    const opened = (volumes: ClusterSettings['volumes']): Away => {
      const settings = { namespace: 'knit', image: '', signingKey, agents: {}, workers, volumes }
      return kubernetesCluster(settings, api)
    }
    await use({
      'per-data': opened({
        layout: 'per-data',
        storageClass: '',
        accessMode: 'ReadWriteMany',
        size: '1Gi',
      }),
      shared: opened({ layout: 'shared', agentUrl }),
    })
    agent.closeAllConnections()
    await once(agent.close(), 'close')
  },
  world: async ({ database }, use) => {
    await database.empty()
    await use(makeQuietWorld(database.sql))
  },
})

const routeNamed = (name: string) => {
  const found = routeFunctions.find((route) => route.name === name)
  if (!found) throw new Error(`there is no route ${name}`)
  return found
}

/** What routes without a need for the cluster are asked. */
const asked = (knitId: string, runId: string, planId: string): [string, string, unknown?][] => [
  ['data.find', '/api/data?tag=made:up'],
  ['data.show', `/api/data/${knitId}/metadata`],
  ['data.tag', `/api/data/${knitId}`, { add: ['added:1'] }],
  ['plans.find', '/api/plans'],
  ['plans.show', `/api/plans/${planId}`],
  ['plans.usage', `/api/plans/${planId}/usage`],
  ['plans.apply', '/api/plans', { image: 'late:1', inputs: [{ path: '/in', tags: ['made:up'] }] }],
  ['plans.deactivate', `/api/plans/${planId}/active`],
  ['plans.activate', `/api/plans/${planId}/active`],
  ['runs.find', '/api/runs?status=running'],
  ['runs.show', `/api/runs/${runId}`],
  ['runs.history', `/api/runs/${runId}/history`],
  ['explain.show', `/api/explain?plan=${planId}&run=${runId}`],
  ['lineage.show', `/api/lineage/${knitId}`],
  ['imports.begin', '/api/backend/data/import/begin'],
  ['runs.abort', `/api/runs/${runId}/abort`],
]

const needs = ({
  name,
  deploy: { uses = [] },
}: {
  name: string
  deploy: { uses?: readonly string[] }
}) => (uses.length > 0 ? [name] : [])

test('nobody needs the cluster but who moves bytes, and who checks everything', () => {
  expect(routeFunctions.flatMap(needs)).toEqual([
    'admin.check',
    'data.cat',
    'data.ls',
    'data.pull',
    'data.push',
    'imports.end',
    'runs.log',
  ])
})

test.for<[Layout, number]>([
  ['per-data', 503],
  ['shared', 200],
])(
  'while nobody reaches the API server, everybody is answered, a push where data are %s by %i, and runs wait',
  async ([layout, pushed], { world, away, folder }) => {
    const { runId, planId } = await runIn(world, 'running')
    const knitId = await push(world, 'made:up')
    const { cluster } = world
    if (layout === 'shared')
      for (const name of cluster.volumes.keys())
        await away.shared.ensureVolume({ name, labels: {} })
    Object.assign(world, { cluster: away[layout], transfers: away[layout] })

    for (const [name, path, body] of asked(knitId, runId, planId)) {
      const response = await call(routeNamed(name), world, path, body ? { body } : {})
      expect({ name, status: response.status }).toEqual({ name, status: 200 })
    }

    mkdirSync(join(folder, 'tree'))
    const body = new Uint8Array(await buffer(pack(join(folder, 'tree'))))
    const headers = { 'content-type': 'application/tar+gzip', [idempotencyHeader]: randomUUID() }
    const pushNow = () =>
      call(routeNamed('data.push'), world, '/api/data?tag=made:late', { body, headers })
    const answer = await pushNow()
    expect(answer.status).toBe(pushed)
    if (pushed === 503) expect(answer.headers.get('retry-after')).toBe('1')

    await deliverAll(world)
    const waiting = await world.sql<{ reason: string }[]>`
      select reason from run where status in ('waiting', 'ready')`
    expect(waiting).not.toEqual([])
    for (const { reason } of waiting) expect(reason).toMatch(/API server cannot be asked/)

    for (const { id } of await world.sql`select id from data where ready`)
      cluster.volumes.set(volumeOf(String(id)), measured)
    Object.assign(world, { cluster, transfers: cluster })
    expect((await pushNow()).status).toBe(200)
    await bringToRest(world)
    // An import that was begun is its importer's to end.
    const statuses = await world.sql`
      select distinct status
        from run
       where id <> ${runId}
         and plan_id not in (select id from plan where name = 'knit#imported')`
    expect(statuses).toEqual([{ status: 'done' }])
    const found = await world.sql`
      select from data where tags && array(select id from tag where key || ':' || value = 'made:late')`
    expect(found).toHaveLength(1)
    const broken = (await checkInvariants(world, 0)).filter(({ state }) => state !== 'holds')
    expect(broken).toEqual([])
  },
)
