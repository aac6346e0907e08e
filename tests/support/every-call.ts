import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { routeFolder } from '#shared/contracts/route.ts'
import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { addDeliveries } from '#shared/database/hooks.ts'
import { mostHeld } from '#shared/database/data-uses.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { tell } from '#shared/database/outbox.ts'
import { showRuns } from '#shared/database/run-view.ts'
import { begin } from '#shared/database/sql.ts'
import { stopRun } from '#shared/database/user-moves.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import type { EventData, EventName } from '#shared/contracts/events.ts'
import { runStatuses, type RunStatus } from '#shared/domain/run-states.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import { observedBus } from '#shared/runtime/observed-bus.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { tellMetrics } from '#shared/runtime/tell-metrics.ts'
import { routeFunctions, stepFunctions } from '../../functions/functions.generated.ts'
import { beginTestImport, makeImport } from './imports.ts'
import { makeData, makePlan } from './makers.ts'
import {
  makeReader,
  makeReaders,
  makeRun,
  makeRunsDue,
  makeSimplePlan,
  passTime,
  type MadeRun,
} from './runs.ts'
import { failed, succeeded } from './scripted-cluster.ts'
import type { Observer } from './statements.ts'
import { call, deliver, tick, type CallOptions, type TestWorld } from './world.ts'

const by = { actor: 'test' }

/** Calls every route and every step, each for every question it asks the database, one after another. */
export async function callEverything(world: TestWorld, watch: Observer): Promise<void> {
  const scene = sceneOf(world, watch)
  await askForData(scene)
  await changeData(scene)
  await askForPlans(scene)
  await askForRuns(scene)
  await watchRuns(scene)
  await moveRuns(scene)
  await operate(scene)
  await askWho(scene)
  await matchAndProject(scene)
  await executeRuns(scene)
  await loseRuns(scene)
  await cleanUp(scene)
  await askForPopularData(scene)
}

type Scene = {
  world: TestWorld
  /** Calls a route by its folder; what it answers must be a success. */
  ask(folder: string, path: string, options?: CallOptions): Promise<Response>
  /** The same where that status is the right one. */
  refuse(folder: string, path: string, status: number, options?: CallOptions): Promise<void>
  /** The same for a route whose answer never ends: so many pieces of it are heard. */
  listen(folder: string, path: string, pieces: number): Promise<void>
  /** Gives an event to a step. */
  wake<E extends EventName>(
    step: string,
    name: E,
    data: EventData<E>,
    more?: Record<string, string>,
  ): Promise<void>
  tick(step: string): Promise<void>
  /** Asks for the metrics of the whole system. */
  tell(): Promise<void>
}

function sceneOf(world: TestWorld, watch: Observer): Scene {
  const routes = new Map<string, RouteFunction>(
    routeFunctions.map((fn) => [routeFolder(fn.contract), fn]),
  )
  const steps = new Map(stepFunctions.map((fn) => [fn.name, fn]))
  const found = <T>(functions: Map<string, T>, name: string): T => {
    const fn = functions.get(name)
    if (!fn) throw new Error(`there is no function ${name}`)
    return fn
  }
  const expectThat = async (
    isRight: (response: Response) => boolean,
    by: string,
    answer: () => Promise<Response>,
  ): Promise<Response> => {
    const response = await watch.during(by, answer)
    if (!isRight(response))
      throw new Error(`${by} answered ${response.status}: ${await response.text()}`)
    return response
  }
  const succeed = (by: string, answer: () => Promise<Response>) =>
    expectThat(({ ok }) => ok, by, answer)
  return {
    world,
    ask: (folder, path, options) =>
      succeed(`${found(routes, folder).name} ${path}`, async () => {
        const response = await call(found(routes, folder), world, path, options)
        // What is streamed goes on after the answer has begun.
        return new Response((await response.text()) || null, response)
      }),
    refuse: async (folder, path, status, options) =>
      void (await expectThat(
        (response) => response.status === status,
        `${found(routes, folder).name} ${path}`,
        () => call(found(routes, folder), world, path, options),
      )),
    listen: async (folder, path, pieces) =>
      void (await succeed(`${found(routes, folder).name} ${path}`, async () => {
        const gone = new AbortController()
        const { signal } = gone
        const response = await call(found(routes, folder), world, path, { signal })
        const reader = response.body?.getReader()
        for (let piece = 0; piece < pieces; piece += 1) await reader?.read()
        gone.abort()
        await reader?.cancel()
        return new Response(null, response)
      })),
    wake: async (step, name, data, more) =>
      void (await succeed(`${step} ${name}`, () =>
        deliver(found(steps, step), world, name, data, more),
      )),
    tell: async () => void (await succeed('metrics', tellMetrics(world, { ofSystem: true }))),
    tick: async (step) => void (await succeed(step, () => tick(found(steps, step), world))),
  }
}

const text = encodeURIComponent
const since = `since=${text(new Date().toISOString().replace('Z', '+00:00'))}`
const windows = [since, `${since}&duration=1h`]

async function askForData({ world, ask }: Scene): Promise<void> {
  const knitId = await makeData(world, 'find:one', 'find:two')
  const run = await makeRun(world, { status: 'done' })
  const [row] = await world.sql<{ at: Date }[]>`
    select ended_at as at from data where id = ${knitId}`
  const queries = [
    `tag=find:one`,
    `tag=find:one&tag=find:two`,
    `tag=${text(`knit#id:${knitId}`)}`,
    `tag=${text(`knit#id:${run.inputs[0]}`)}`,
    `tag=${text(`knit#timestamp:${row?.at.toISOString().replace('Z', '+00:00')}`)}`,
    `tag=${text('knit#transient:processing')}`,
    `tag=${text('knit#transient:failed')}`,
    ...windows,
    ...windows.map((window) => `tag=find:one&${window}`),
    ...windows.map((window) => `tag=${text('knit#transient:failed')}&${window}`),
  ]
  for (const query of queries) await ask('data-find', `/api/data?${query}`)
  for (const page of ['limit=10', `limit=10&after=${knitId}`, `limit=10&after=${knitId}~`])
    for (const query of [page, `tag=find:one&${page}`]) await ask('data-find', `/api/data?${query}`)
  await ask('data-pull', `/api/data/${knitId}`)
  await ask('data-show', `/api/data/${knitId}/metadata`)
  await ask('data-ls', `/api/data/${knitId}/files`)
  await ask('data-cat', `/api/data/${knitId}/file?path=a`)
}

/** After everything else: lists of runs, and what they ask, are as long as what reads this. */
async function askForPopularData({ world, ask }: Scene): Promise<void> {
  const knitId = await makeData(world, 'popular:yes')
  await makeReaders(world, knitId, mostHeld + 1)
  await ask('data-show', `/api/data/${knitId}/metadata`)
}

const withKey = () => ({ headers: { 'idempotency-key': randomUUID() } })

async function changeData({ world, ask, refuse }: Scene): Promise<void> {
  const knitId = await makeData(world, 'change:one', 'change:two')
  const body = { add: ['change:three'], remove: ['change:one'], remove_key: ['change:two'] }
  await ask('data-tag', `/api/data/${knitId}`, { body, ...withKey() })
  const headers = { 'content-type': 'application/tar+gzip', ...withKey().headers }
  const asJwt = { 'content-type': 'application/jwt', ...withKey().headers }
  await ask('imports-begin', '/api/backend/data/import/begin', withKey())
  const token = { body: await makeImport(world), headers: asJwt }
  await ask('imports-end', '/api/backend/data/import/end', token)
  const path = `/api/data?tag=pushed:${randomUUID()}`
  await ask('data-push', path, { body: 'an archive', headers })
  const goesOn = withKey().headers
  const part = { ...goesOn, 'upload-complete': '?0' }
  await ask('data-push', path, { body: 'an arc', headers: part })
  await ask('data-push', path, { body: 'hive', headers: { ...goesOn, 'upload-offset': '6' } })
  const archive = () => ({ body: 'an archive', headers: { ...headers, ...withKey().headers } })
  const { cluster, sql } = world
  cluster.failing.set('receive', { error: new ArchiveError('bad-entry', 'as asked'), left: 1 })
  await refuse('data-push', path, 400, archive())
  cluster.before = async (operation) => {
    if (operation !== 'receive') return
    const [upload] = await sql<{ id: string }[]>`
      select id from run where status = 'running' order by id desc limit 1`
    await begin(sql, (tx) => stopRun(tx, upload?.id ?? '', 'aborting', by))
  }
  await refuse('data-push', path, 409, archive())
  cluster.before = () => {}
}

async function askForPlans({ world, ask }: Scene): Promise<void> {
  const first = await makePlan(world, { inputs: { '/in': ['a:1'] }, outputs: { '/out': ['b:1'] } })
  await makePlan(world, { inputs: { '/in': ['b:1'] }, log: ['b:log'] })
  const queries = [
    '',
    'active=true',
    'image=example.test/plan',
    'image=example.test/plan:1',
    'in_tag=a:1',
    `in_tag=${text(`knit#id:${randomUUID()}`)}`,
    `in_tag=${text('knit#timestamp:2026-01-01T00:00:00.000+00:00')}`,
    'out_tag=b:1',
  ]
  for (const query of [...queries, 'limit=10', `limit=10&after=${first}`, 'dryRun&in_tag=a:1'])
    await ask('plans-find', `/api/plans?${query}`)
  await ask('plans-show', `/api/plans/${first}`)
  await ask('plans-usage', `/api/plans/${first}/usage`)
  const body = {
    image: 'example.test/applied:1',
    entrypoint: ['true'],
    inputs: [
      { path: '/a', tags: ['a:1', `new:${randomUUID()}`] },
      { path: '/b', tags: [`knit#id:${randomUUID()}`] },
    ],
    outputs: [{ path: '/out', tags: ['c:1'] }],
    log: { tags: ['c:log'] },
  }
  await ask('plans-apply', '/api/plans?dryRun', { body })
  await ask('plans-apply', '/api/plans', { body, ...withKey() })
  await ask('plans-deactivate', `/api/plans/${first}/active`, withKey())
  await ask('plans-activate', `/api/plans/${first}/active?allow=10`, withKey())
  const limits = { set: { cpu: '2' }, unset: ['memory'] }
  await ask('plans-resource', `/api/plans/${first}/resources`, { body: limits, ...withKey() })
  const annotations = { add: ['a=1'], remove: ['b=1'], remove_key: ['c'] }
  const annotate = { body: annotations, ...withKey() }
  await ask('plans-annotate', `/api/plans/${first}/annotations`, annotate)
  const account = { body: { service_account: 'trainer' }, ...withKey() }
  await ask('plans-setaccount', `/api/plans/${first}/serviceaccount`, account)
  await ask('plans-unsetaccount', `/api/plans/${first}/serviceaccount`, withKey())
}

/** Nobody can ask for tombstones, and whoever asks for all that is done asks for nearly all runs. */
const isRare = (status: RunStatus): boolean => status !== 'invalidated' && status !== 'done'

async function askForRuns({ world, ask }: Scene): Promise<void> {
  const run = await makeRun(world, { status: 'done' })
  const waiting = await makeRun(world)
  const queries = [
    `plan=${run.planId}`,
    `knitIdInput=${run.inputs[0]}`,
    `knitIdOutput=${run.outputs[0]}`,
    ...runStatuses.filter(isRare).map((status) => `status=${status}`),
    'status=waiting,running',
    'status=running,failed',
    `plan=${run.planId}&status=done`,
    ...windows,
    ...windows.map((window) => `status=failed&${window}`),
    ...windows.map((window) => `plan=${run.planId}&${window}`),
  ]
  for (const query of [...queries, 'limit=10', `limit=10&after=${run.runId}`])
    await ask('runs-find', `/api/runs?${query}`)
  await ask('runs-show', `/api/runs/${run.runId}`)
  await ask('runs-show', `/api/runs/${waiting.runId}`)
  await ask('runs-log', `/api/runs/${run.runId}/log`)
  const asked = [`data=${run.inputs[0]}`, `run=${run.runId}`, `run=${waiting.runId}`]
  for (const query of asked) await ask('explain-show', `/api/explain?plan=${run.planId}&${query}`)
  const ways = ['', '?direction=up', '?depth=2', '?besides=true', '?limit=1', `?after=${run.runId}`]
  for (const id of [run.inputs[0], run.runId])
    for (const query of ways) await ask('lineage-show', `/api/lineage/${id}${query}`)
  for (const { runId } of [run, waiting]) await ask('runs-history', `/api/runs/${runId}/history`)
}

async function watchRuns({ world, listen }: Scene): Promise<void> {
  const [first] = await world.sql<{ id: string }[]>`select min(id) as id from run_history`
  await listen('events-watch', '/api/events', 1)
  await listen('events-watch', `/api/events?after=${first?.id}`, 2)
}

async function moveRuns({ world, ask, wake }: Scene): Promise<void> {
  const move = async (folder: string, status: MadeRun | 'running' | 'done', verb = '') => {
    const run = typeof status === 'string' ? await makeRun(world, { status }) : status
    await ask(folder, `/api/runs/${run.runId}${verb}`, withKey())
    return run
  }
  const aborted = await move('runs-abort', 'running', '/abort')
  await move('runs-abort', aborted, '/abort')
  const upload = await beginUpload(world.sql, [], 60, by)
  await ask('runs-abort', `/api/runs/${upload.run.id}/abort`, withKey())
  await wake('finish-run', 'run.aborting', { runId: upload.run.id, attempt: 1 })
  const { knitId } = await beginTestImport(world)
  const [imported] = await world.sql<{ runId: string }[]>`
    select run_id as "runId" from data where id = ${knitId}`
  await ask('runs-abort', `/api/runs/${imported?.runId}/abort`, withKey())
  const pushed = await makeData(world, 'deleted:soon')
  const [whole] = await world.sql<{ runId: string }[]>`
    select run_id as "runId" from data where id = ${pushed}`
  await ask('runs-delete', `/api/runs/${whole?.runId}`, withKey())
  await move('runs-tearoff', 'running', '/tearoff')
  await move('runs-retry', 'done', '/retry')
  const read = async () => {
    const run = await makeRun(world, { status: 'done' })
    await makeReader(world, run, 'invalidated')
    return run
  }
  await move('runs-retry', await read(), '/retry')
  await move('runs-delete', await read())
}

async function operate({ world, ask }: Scene): Promise<void> {
  const run = await makeRun(world, { status: 'done' })
  const event = { id: randomUUID(), name: 'run.waiting' as const, subject: 'a', time: new Date() }
  const data = { planId: run.planId }
  await begin(world.sql, (tx) => tell(tx, event.name, event.subject, data, by))
  await keepDeadLetter(world.sql, 'initialize-run', { ...event, data }, 'why')
  for (const query of ['', '?dead=true']) await ask('admin-events', `/api/admin/events${query}`)
  for (const verb of ['replay', 'drop']) {
    await keepDeadLetter(world.sql, 'initialize-run', { ...event, data }, 'why')
    const [dead] = await world.sql<{ id: string }[]>`select id from dead_letter`
    const body = { eventIds: [dead?.id] }
    await ask(`admin-${verb}`, `/api/admin/events/${verb}`, { body, ...withKey() })
  }
  for (const query of ['', '?open=true']) await ask('admin-hooks', `/api/admin/hooks${query}`)
  await ask('admin-garbage', '/api/admin/garbage')
}

async function askWho({ ask }: Scene): Promise<void> {
  const body = { name: 'every', role: 'user' }
  await ask('tokens-create', '/api/admin/tokens', { body, ...withKey() })
  await ask('tokens-list', '/api/admin/tokens')
  await ask('tokens-revoke', '/api/admin/tokens/every', withKey())
  await ask('access-whoami', '/api/whoami')
  const wishes = ['', 'actor=ann', 'subject=every', since, `actor=ann&${since}`, `actor=nobody`]
  for (const wish of wishes) await ask('admin-audit', `/api/admin/audit?${wish}`)
  const page = await ask('admin-audit', '/api/admin/audit?limit=1')
  const [last] = (await page.json()) as { auditId: string }[]
  for (const wish of ['', '&actor=ann', '&subject=every'])
    await ask('admin-audit', `/api/admin/audit?after=${last?.auditId}${wish}`)
}

async function matchAndProject({ world, wake, ask }: Scene): Promise<void> {
  const { sql, config } = world
  const plan = await makePlan(world, {
    inputs: { '/a': ['pair:a'], '/b': ['pair:b'] },
    outputs: { '/out': ['pair:out'] },
  })
  const project = () => wake('project-runs', 'data.nominated', { planId: plan })
  await wake('match-data', 'plan.registered', { planId: plan })
  const first = await makeData(world, 'pair:a')
  for (let i = 0; i < 33; i += 1) await makeData(world, 'pair:a')
  for (let i = 0; i < 34; i += 1) await makeData(world, 'pair:b')
  await wake('match-data', 'data.tagged', { knitId: first })
  const { maxCombinations } = config
  config.maxCombinations = 10
  await project()
  const allow = (count: number) => ask('plans-activate', `/api/plans/${plan}/active?allow=${count}`)
  await allow(10)
  await allow(2000)
  await project()
  config.maxCombinations = maxCombinations
  const late = await makeData(world, 'pair:a')
  await wake('match-data', 'data.tagged', { knitId: late })
  await sql`update data set tags = '{}' where id = ${late}`
  await project()
}

/** A hook that agrees to everything, with a variable for the program. */
async function aHook(): Promise<Disposable & { url: string }> {
  const answer = JSON.stringify({ knitfabExtension: { env: { A: '1' } } })
  const server = createServer((_, response) => void response.end(answer)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, [Symbol.dispose]: () => void server.close() }
}

async function executeRuns({ world, wake }: Scene): Promise<void> {
  const { sql, cluster, config } = world
  await sql`update run set status = 'deactivated' where status = 'waiting'`
  const { planId, tag } = await makeSimplePlan(world)
  await makeData(world, tag)
  await makeRunsDue(world, planId)
  using hook = await aHook()
  config.hooksBefore = [hook.url]
  config.hooksAfter = [hook.url, 'http://127.0.0.1:1/']
  await wake('initialize-run', 'run.waiting', { planId })
  const [row] = await sql<
    { runId: string }[]
  >`select id as "runId" from run where plan_id = ${planId}`
  const run = { runId: row?.runId ?? '', attempt: 1 }
  await wake('start-run', 'run.ready', run)
  await wake('observe-worker', 'run.starting', run)
  await wake('observe-worker', 'run.starting', run)
  for (const [name, worker] of cluster.workers)
    if (name === workerOf({ id: run.runId, attempt: 1 })) worker.state = succeeded()
  await wake('observe-worker', 'run.starting', run)
  await wake('finish-run', 'run.completing', run)
  await wake('call-hooks', 'hook.recorded', {})
  config.hooksBefore = config.hooksAfter = []
}

/** What goes wrong: a step that fails, workers that are lost or fail, outputs that cannot be kept. */
async function loseRuns({ world, wake }: Scene): Promise<void> {
  const { cluster } = world
  const told = ({ runId, attempt }: MadeRun) => ({ runId, attempt })
  const fail = () => {
    throw new Error('as asked')
  }
  const ready = await makeRun(world, { status: 'ready' })
  cluster.before = fail
  await wake('start-run', 'run.ready', told(ready))
  cluster.before = () => {}
  for (const attempt of [1, 3]) {
    const lost = await makeRun(world, { status: 'running', attempt })
    await cluster.deleteWorker(lost.worker)
    await wake('observe-worker', 'run.starting', told(lost))
    await wake('finish-run', 'run.aborting', told(lost))
  }
  const broken = await makeRun(world, { status: 'running' })
  cluster.set(broken.worker, failed())
  await wake('observe-worker', 'worker.changed', { worker: broken.worker })
  const unfit = await makeRun(world, { status: 'completing' })
  cluster.before = (operation) => {
    if (operation === 'measureVolume') throw new ArchiveError('bad-entry', 'as asked')
  }
  await wake('finish-run', 'run.completing', told(unfit))
  cluster.before = () => {}
  const { planId } = await makeSimplePlan(world, { cpu: '1000000' })
  const huge = await makeRun(world, { planId, tag: await tagOf(world, planId) })
  await wake('initialize-run', 'run.waiting', { planId: huge.planId })
  await world.sql.begin(async (tx) => {
    const [detail] = await showRuns(tx, [broken.runId])
    const moved = { id: broken.runId, attempt: 1, status: 'failed' } as const
    if (detail) await addDeliveries(tx, moved, detail, ['http://127.0.0.1:1/'], by)
  })
}

async function tagOf({ sql }: TestWorld, planId: string): Promise<string> {
  const [tag] = await sql<{ text: string }[]>`
    select key || ':' || value as text
      from input
      join tag on tag.id = rarest_tag
     where plan_id = ${planId}`
  return tag?.text ?? ''
}

async function cleanUp({ world, wake, tick, tell }: Scene): Promise<void> {
  const { sql, cluster } = world
  const lost = await beginUpload(sql, [], 60, by)
  const kept = await beginUpload(sql, [], 60, by)
  await completeUpload(sql, kept, { bytes: 1, files: 1, digest: 'sha256:test' }, by)
  await passTime(world)
  await tick('clean-up')
  await sql`insert into garbage (volume) values (${lost.knitId}), ('stuck')`
  cluster.before = (_operation, name) => {
    if (name === 'stuck') throw new Error('as asked')
  }
  await wake('collect-garbage', 'volume.dropped', {})
  cluster.before = () => {}
  const failedAt = { knativeerrordest: 'http://step-match-data.mine.svc/' }
  await wake('keep-dead-letters', 'data.ready', { runId: lost.run.id }, failedAt)
  await makeRun(world, { status: 'running' })
  world.relay = createRelay(sql, observedBus(world.bus, world), world.log)
  await tick('sweep')
  await tell()
}
