import { randomUUID } from 'node:crypto'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { idempotencyHeader, uploadHeaders } from '#shared/contracts/route.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import type { World } from '#shared/runtime/context.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import { makeImport } from '#tests/support/imports.ts'
import { makePlan } from '#tests/support/makers.ts'
import { call, deliver } from '#tests/support/functions.ts'
import { routeFunctions } from '../../functions/functions.generated.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import {
  beginOne,
  endUpload,
  failAt,
  hasEndedUpload,
  match,
  pausedPlan,
  push,
  runAboveTombstone,
  runIn,
} from './arrange.ts'
import type { QuietWorld } from './quiet-world.ts'
import type { Scenario } from './scenario.ts'

const by = { actor: 'test' }

function routeOf(name: string): RouteFunction {
  const found = routeFunctions.find((route) => route.name === name)
  if (!found) throw new Error(`there is no route ${name}`)
  return found
}

type Request = { path: string; body?: unknown; headers?: Record<string, string> }

/** A request with a key, as the client of ours sends it, however often it is sent. */
function requestTo(name: string, { headers, ...request }: Request) {
  const key = randomUUID()
  return (world: World) =>
    call(routeOf(name), world, request.path, {
      ...request,
      headers: { ...headers, [idempotencyHeader]: key },
    })
}

const archive = { body: 'an archive', headers: { 'content-type': 'application/tar+gzip' } }

/** A plan with a run that waits, or is held. */
async function planWithRun(world: QuietWorld, active: boolean): Promise<string> {
  const planId = await makePlan(world, { inputs: { '/in': ['kind:a'] } })
  await setPlanActive(world.sql, planId, active, by)
  await push(world, 'kind:a')
  await match(world, planId)
  await deliver(projectRuns, world, 'data.nominated', { planId })
  return planId
}

const ofAccount = (name: string, body?: unknown): Scenario[] => [
  {
    of: 'a plan with a service account',
    async arrange(world) {
      const more = { service_account: 'another' }
      const planId = await makePlan(world, { inputs: { '/in': ['kind:a'] } }, more)
      const path = `/api/plans/${planId}/serviceaccount`
      return requestTo(name, { path, ...(body !== undefined && { body }) })
    },
  },
]

const ofRun = (
  name: string,
  path: (runId: string) => Request,
  ...statuses: Parameters<typeof runIn>[1][]
): Scenario[] =>
  statuses.map((status) => ({
    of: `a run that is ${status}`,
    async arrange(world) {
      const { runId } = await runIn(world, status)
      return requestTo(name, path(runId))
    },
  }))

const abortOf = (runId: string): Request => ({ path: `/api/runs/${runId}/abort` })
const deletionOf = (runId: string): Request => ({ path: `/api/runs/${runId}` })
const retryOf = (runId: string): Request => ({ path: `/api/runs/${runId}/retry` })

const onDead = (name: string, path: string): Scenario[] => [
  {
    of: 'an event that was given up',
    async arrange(world) {
      const planId = await makePlan(world, { inputs: { '/in': ['kind:a'] } })
      const event = { id: randomUUID(), name: 'plan.registered', subject: planId } as const
      const whole = { ...event, data: { planId }, time: new Date() }
      await keepDeadLetter(world.sql, 'match-data', whole, 'a test')
      const [letter] = await world.sql<{ id: string }[]>`select id from dead_letter`
      return requestTo(name, { path, body: { eventIds: [letter?.id] } })
    },
  },
]

/** What each route that changes something is asked. */
export const routeScenarios: Record<string, Scenario[]> = {
  'data.push': [
    {
      of: 'an upload with new tags that a plan asks for',
      async arrange(world) {
        await makePlan(world, { inputs: { '/in': ['kind:a'] } })
        return requestTo('data.push', { path: '/api/data?tag=kind:a&tag=new:one', ...archive })
      },
    },
    {
      of: 'a part of an upload, of which nothing more comes',
      arrange: async () =>
        requestTo('data.push', {
          path: '/api/data?tag=kind:a',
          body: 'an arc',
          headers: { ...archive.headers, [uploadHeaders.complete]: '?0' },
        }),
    },
    {
      of: 'an upload that goes on where its line broke',
      async arrange(world) {
        await makePlan(world, { inputs: { '/in': ['kind:a'] } })
        const key = { [idempotencyHeader]: randomUUID() }
        const send = (world: World, body: string, how: Record<string, string>) => {
          const headers = { ...archive.headers, ...key, ...how }
          return call(routeOf('data.push'), world, '/api/data?tag=kind:a', { body, headers })
        }
        await send(world, 'an arc', { [uploadHeaders.complete]: '?0' })
        return async (world) => {
          const rest = await send(world, 'hive', { [uploadHeaders.offset]: '6' })
          // What was given up is sent from its first byte.
          return rest.status === 404 ? send(world, archive.body, {}) : rest
        }
      },
    },
    {
      of: 'an archive that is refused',
      status: 400,
      async arrange(world) {
        failAt(world, 'receive', new ArchiveError('bad-entry', 'as asked'))
        return requestTo('data.push', { path: '/api/data?tag=kind:a', ...archive })
      },
    },
    {
      of: 'an upload that its user ends before it is whole',
      status: 409,
      async arrange({ sql, cluster }) {
        cluster.before = async (operation) => {
          if (operation === 'receive') await endUpload({ sql })
        }
        const ask = requestTo('data.push', { path: '/api/data?tag=kind:a', ...archive })
        // Who has ended it wants it no more.
        return async (world) =>
          (await hasEndedUpload({ sql })) ? new Response(null, { status: 409 }) : ask(world)
      },
    },
  ],
  'imports.begin': [
    {
      of: 'an import',
      arrange: async () => requestTo('imports.begin', { path: '/api/backend/data/import/begin' }),
    },
  ],
  'imports.end': [
    {
      of: 'an import whose volume is there',
      async arrange(world) {
        const body = await makeImport(world)
        const headers = { 'content-type': 'application/jwt' }
        return requestTo('imports.end', { path: '/api/backend/data/import/end', body, headers })
      },
    },
  ],
  // These change nothing but the lease they take.
  'data.pull': [
    {
      of: 'data, to its last byte',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        const ask = requestTo('data.pull', { path: `/api/data/${knitId}` })
        return async (world) => {
          const response = await ask(world)
          await response.text()
          return response
        }
      },
    },
  ],
  'data.ls': [
    {
      of: 'data',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        return requestTo('data.ls', { path: `/api/data/${knitId}/files` })
      },
    },
  ],
  'data.cat': [
    {
      of: 'a file, to its last byte',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        const ask = requestTo('data.cat', { path: `/api/data/${knitId}/file?path=a` })
        return async (world) => {
          const response = await ask(world)
          await response.text()
          return response
        }
      },
    },
  ],
  'data.tag': [
    {
      of: 'tags that a plan asks for, and one that another asked for',
      async arrange(world) {
        await makePlan(world, { inputs: { '/in': ['kind:a'] } })
        const planId = await makePlan(world, { inputs: { '/in': ['kind:b'] } })
        const knitId = await push(world, 'kind:b')
        await match(world, planId)
        const body = { add: ['kind:a', 'new:one'], remove: ['kind:b'] }
        return requestTo('data.tag', { path: `/api/data/${knitId}`, body })
      },
    },
  ],
  'plans.apply': [
    {
      of: 'a plan that data fit',
      async arrange(world) {
        await push(world, 'kind:a')
        const body = {
          image: 'example.test/applied:1',
          inputs: [{ path: '/in', tags: ['kind:a'] }],
          outputs: [{ path: '/out', tags: ['new:one'] }],
        }
        return requestTo('plans.apply', { path: '/api/plans', body })
      },
    },
  ],
  'plans.activate': [
    {
      of: 'a plan with a run that is held',
      async arrange(world) {
        const planId = await planWithRun(world, false)
        return requestTo('plans.activate', { path: `/api/plans/${planId}/active` })
      },
    },
    {
      of: 'a paused plan that may make the runs it would create',
      async arrange(world) {
        const path = `/api/plans/${await pausedPlan(world)}/active?allow=4`
        return requestTo('plans.activate', { path })
      },
    },
    {
      of: 'a paused plan that would create more than is allowed',
      async arrange(world) {
        const path = `/api/plans/${await pausedPlan(world)}/active?allow=3`
        return requestTo('plans.activate', { path })
      },
    },
  ],
  'plans.deactivate': [
    {
      of: 'a plan with a run that waits',
      async arrange(world) {
        const planId = await planWithRun(world, true)
        return requestTo('plans.deactivate', { path: `/api/plans/${planId}/active` })
      },
    },
  ],
  'plans.resource': [
    {
      of: 'a plan with a run that waits',
      async arrange(world) {
        const planId = await planWithRun(world, true)
        const body = { set: { cpu: '2' }, unset: ['memory'] }
        return requestTo('plans.resource', { path: `/api/plans/${planId}/resources`, body })
      },
    },
  ],
  'plans.annotate': [
    {
      of: 'a plan with annotations',
      async arrange(world) {
        const more = { annotations: [{ key: 'a', value: '1' }] }
        const planId = await makePlan(world, { inputs: { '/in': ['kind:a'] } }, more)
        const body = { add: ['b=1'], remove_key: ['a'] }
        return requestTo('plans.annotate', { path: `/api/plans/${planId}/annotations`, body })
      },
    },
  ],
  'plans.setaccount': ofAccount('plans.setaccount', { service_account: 'trainer' }),
  'plans.unsetaccount': ofAccount('plans.unsetaccount'),
  'runs.abort': [
    ...ofRun(
      'runs.abort',
      abortOf,
      'deactivated',
      'waiting',
      'ready',
      'starting',
      'running',
      'aborting',
    ),
    {
      of: 'an upload',
      arrange: async (world) => requestTo('runs.abort', abortOf(await beginOne(world))),
    },
    {
      of: 'an import',
      async arrange(world) {
        await makeImport(world)
        const [run] = await world.sql<{ id: string }[]>`select id from run`
        return requestTo('runs.abort', abortOf(run?.id ?? ''))
      },
    },
  ],
  'runs.tearoff': ofRun(
    'runs.tearoff',
    (runId) => ({ path: `/api/runs/${runId}/tearoff` }),
    'ready',
    'starting',
    'running',
  ),
  'runs.retry': [
    ...ofRun('runs.retry', retryOf, 'done', 'failed'),
    ...(['done', 'failed'] as const).map((status) => ({
      of: `a run that is ${status}, of a plan that is inactive by now`,
      async arrange(world: QuietWorld) {
        const { runId, planId } = await runIn(world, status)
        await setPlanActive(world.sql, planId, false, by)
        return requestTo('runs.retry', retryOf(runId))
      },
    })),
    {
      of: 'a run that is done, with a tombstone downstream',
      async arrange(world) {
        const { runId } = await runAboveTombstone(world)
        return requestTo('runs.retry', retryOf(runId))
      },
    },
  ],
  'runs.delete': [
    ...ofRun('runs.delete', deletionOf, 'done', 'failed'),
    {
      of: 'a run that is done, with a tombstone downstream',
      async arrange(world) {
        const { runId } = await runAboveTombstone(world)
        return requestTo('runs.delete', deletionOf(runId))
      },
    },
    {
      of: 'an upload that is done',
      async arrange(world) {
        await push(world, 'kind:a')
        const [run] = await world.sql<{ id: string }[]>`select id from run`
        return requestTo('runs.delete', deletionOf(run?.id ?? ''))
      },
    },
  ],
  'tokens.create': [
    {
      of: 'a name that nobody has',
      async arrange() {
        const body = { name: 'new', role: 'user' }
        return requestTo('tokens.create', { path: '/api/admin/tokens', body })
      },
    },
  ],
  'tokens.revoke': [
    {
      of: 'a token that is valid',
      async arrange({ sql }) {
        await sql`
          insert into token (name, hash, role, created_by, expires_at)
          values ('old', sha256('old'), 'user', 'ann', now() + interval '1 day')`
        return requestTo('tokens.revoke', { path: '/api/admin/tokens/old' })
      },
    },
  ],
  'admin.replay': onDead('admin.replay', '/api/admin/events/replay'),
  'admin.drop': onDead('admin.drop', '/api/admin/events/drop'),
}
