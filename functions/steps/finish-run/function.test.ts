import { ArchiveError } from '#shared/archive/archive-error.ts'
import { expect } from 'vitest'
import { findDataIds, showData } from '#shared/database/data-view.ts'
import { recordMeasures } from '#shared/database/data.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import { begin } from '#shared/database/sql.ts'
import { stopRun } from '#shared/database/user-moves.ts'
import { programTrace, volumeOf } from '#shared/domain/worker-spec.ts'
import type { WorkerState } from '#shared/ports/cluster.ts'
import {
  historyOf,
  makeRun,
  measured,
  passTime,
  readRun,
  steal,
  type MadeRun,
} from '#tests/support/runs.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { until } from '#tests/support/until.ts'
import { deliver, outbox, test, type TestWorld } from '#tests/support/world.ts'
import finishRun from './function.ts'

const finish = (
  ctx: TestWorld,
  { runId, attempt }: { runId: string; attempt: number },
): Promise<Response> => deliver(finishRun, ctx, 'run.completing', { runId, attempt })

const changed = (ctx: TestWorld, worker: string): Promise<Response> =>
  deliver(finishRun, ctx, 'worker.changed', { worker })

/** What the current attempt is known to have ended by. */
async function endBy(
  ctx: TestWorld,
  runId: string,
  cause: string,
  code: number,
  message: string,
): Promise<void> {
  await ctx.sql`
    update attempt
       set cause = ${cause}, exit_code = ${code}, exit_message = ${message}, ended_at = now()
     where run_id = ${runId}`
}

test('outputs that were measured already are not measured again, and keep what was measured', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'completing' })
  const [output = ''] = run.outputs
  const measure = { bytes: 5, files: 1, digest: 'sha256:1' }
  await ctx.sql.begin((tx) => recordMeasures(tx, run.runId, { [volumeOf(output)]: measure }))
  await finish(ctx, run)

  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'done' })
  expect(ctx.cluster.calls).not.toContain(`measureVolume ${volumeOf(output)}`)
  const [data] = await ctx.sql`select bytes::int, files::int, digest from data where id = ${output}`
  expect(data).toEqual(measure)
})

test('a run told twice to finish is done, and says so once', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'completing' })
  const data = { runId: run.runId, attempt: run.attempt }
  await finish(ctx, run)
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'done', claim: null })
  expect(await outbox(ctx)).toEqual([
    { type: 'run.done', data },
    { type: 'data.ready', data: { runId: run.runId } },
  ])
  expect(await historyOf(ctx, run.runId)).toEqual(['waiting', 'done'])
})

test('the data of a run that is done are measured, carry their time and can be matched', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await finish(ctx, run)
  const rows = await ctx.sql`
    select id, ready, bytes, files, digest, ended_at is not null as ended
      from data
     where run_id = ${run.runId}
     order by output_id`
  expect(rows.map((row) => ({ ...row }))).toEqual(
    run.outputs.map((id) => ({
      id,
      ready: true,
      bytes: String(measured.bytes),
      files: String(measured.files),
      digest: measured.digest,
      ended: true,
    })),
  )
  const tasks = await ctx.sql`select knit_id from match_task`
  expect(tasks.map((task) => task['knit_id']).toSorted()).toEqual(run.outputs.toSorted())
  const [shown] = await showData(ctx.sql, run.outputs)
  expect(shown?.tags.filter((tag) => tag.startsWith('knit#'))).toEqual([
    `knit#id:${run.outputs[0]}`,
    expect.stringMatching(/^knit#timestamp:/),
  ])
})

test('a time that is shown can be searched for', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await finish(ctx, run)
  const [shown] = await showData(ctx.sql, run.outputs)
  const tag = shown?.tags.find((text) => text.startsWith('knit#timestamp:')) ?? ''
  const [key = '', ...rest] = tag.split(':')
  const found = await findDataIds(ctx.sql, [{ key, value: rest.join(':') }])
  expect(found.toSorted()).toEqual(run.outputs.toSorted())
})

test('the data of a run that failed are kept with their time, and match nothing', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  await endBy(ctx, run.runId, 'program', 1, '(container main) Error')
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'failed', exitCode: 1 })
  expect(await outbox(ctx)).toEqual([
    { type: 'run.failed', data: { runId: run.runId, attempt: 1 } },
  ])
  expect(await ctx.sql`select from match_task`).toHaveLength(0)
  const [shown] = await showData(ctx.sql, run.outputs)
  expect(shown?.tags).toEqual([
    `knit#id:${run.outputs[0]}`,
    expect.stringMatching(/^knit#timestamp:/),
    'knit#transient:failed',
    'made:a',
  ])
})

test.for(['completing', 'aborting'] as const)(
  'a run that is %s ends only when its worker is gone',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    const remove = ctx.cluster.deleteWorker
    ctx.cluster.deleteWorker = async (name) => void ctx.cluster.calls.push(`asked ${name}`)
    await finish(ctx, run)
    expect(ctx.cluster.calls).toContain(`asked ${run.worker}`)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status, claim: null, later: true })
    expect(await outbox(ctx)).toEqual([])
    ctx.cluster.deleteWorker = remove
    await ctx.cluster.deleteWorker(run.worker)
    await changed(ctx, run.worker)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: status === 'completing' ? 'done' : 'failed',
    })
  },
)

test.for(['completing', 'aborting'] as const)(
  'a program that its user stopped (%s) ended when its worker was found gone, before its outputs were measured',
  async (to, { ctx }) => {
    const run = await makeRun(ctx, { status: 'running' })
    await begin(ctx.sql, (tx) => stopRun(tx, run.runId, to, { actor: 'ann' }))
    const remove = ctx.cluster.deleteWorker.bind(ctx.cluster)
    ctx.cluster.deleteWorker = async () => {}
    await finish(ctx, run)
    expect(await endOf(ctx, run.runId)).toBeNull()
    ctx.cluster.deleteWorker = remove
    let time = Date.parse('2030-01-01T00:00:00Z')
    ctx.clock = { now: () => new Date(time) }
    ctx.cluster.before = (operation) => {
      if (operation === 'measureVolume') time += 60_000
    }
    await finish(ctx, run)
    expect(await endOf(ctx, run.runId)).toEqual(new Date('2030-01-01T00:00:00Z'))
  },
)

test('a program whose end was seen has ended then', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await endBy(ctx, run.runId, 'program', 0, '')
  const seen = await endOf(ctx, run.runId)
  await finish(ctx, run)
  expect(await endOf(ctx, run.runId)).toEqual(seen)
})

async function endOf({ sql }: TestWorld, runId: string): Promise<Date | null | undefined> {
  const [attempt] = await sql<{ at: Date | null }[]>`
    select ended_at as at from attempt where run_id = ${runId}`
  return attempt?.at
}

test('a worker that goes while the run is claimed, as its event finds it, is not waited for', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'completing' })
  const remove = ctx.cluster.deleteWorker.bind(ctx.cluster)
  const find = ctx.cluster.findWorker.bind(ctx.cluster)
  ctx.cluster.deleteWorker = async () => {}
  let looks = 0
  ctx.cluster.findWorker = async (name) => {
    looks += 1
    const seen = await find(name)
    if (looks === 1) {
      await remove(run.worker)
      await changed(ctx, run.worker)
    }
    return seen
  }
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'done' })
})

test('a late event of an attempt that is over looks once at the worker of the present one', async ({
  ctx,
}) => {
  const run = await makeStuck(ctx, 'completing', succeeded())
  await ctx.sql`update run set updated_at = now()`
  let looks = 0
  ctx.cluster.before = async (operation) => {
    if (operation === 'findWorker') looks += 1
    if (looks > 9) throw new Error('it looks again and again')
  }
  expect((await finish(ctx, { ...run, attempt: run.attempt + 1 })).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({ reason: 'its worker is being removed' })
})

test('a run without a worker is finished', async ({ ctx }) => {
  const run = await makeRun(ctx)
  await ctx.sql`update run set status = 'aborting' where id = ${run.runId}`
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'failed' })
})

test('a run that somebody else serves is left alone', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await steal(ctx, run.runId)
  await finish(ctx, run)
  expect(ctx.cluster.workers.has(run.worker)).toBe(true)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'completing',
    claimedBy: 'another',
  })
})

test.for(['completing', 'aborting'] as const)(
  'a step that wakes up after its claim on a run that is %s expired changes nothing',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    await endBy(ctx, run.runId, 'machine', 254, 'lost')
    ctx.cluster.before = () => steal(ctx, run.runId)
    await finish(ctx, run)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status,
      attempt: 1,
      claimedBy: 'another',
    })
    expect(await outbox(ctx)).toEqual([])
    expect(
      await ctx.sql`select from data where run_id = ${run.runId} and ended_at is null`,
    ).toHaveLength(3)
  },
)

test.for(['waiting', 'running', 'done', 'failed'] as const)(
  'an event about a run that is %s removes nothing',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    const workers = [...ctx.cluster.workers.keys()]
    await finish(ctx, run)
    await changed(ctx, run.worker)
    expect([...ctx.cluster.workers.keys()]).toEqual(workers)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status })
  },
)

test('a worker that vanished is tried again with new data, and the third time the run fails with 254', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  const lost = 'worker for the run is not found'
  let outputs = run.outputs
  for (const attempt of [1, 2]) {
    await endBy(ctx, run.runId, 'machine', 254, lost)
    await finish(ctx, { runId: run.runId, attempt })
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'waiting',
      attempt: attempt + 1,
      claim: null,
      exitCode: null,
      reason: expect.stringMatching(new RegExp(`attempt ${attempt} was lost: ${lost}`)),
    })
    const made = await ctx.sql<{ id: string; tags: number }[]>`
      select data.id, cardinality(data.tags) as tags
        from data
        join output on output.id = output_id
       where run_id = ${run.runId}
       order by position`
    expect(made.map(({ tags }) => tags)).toEqual([1, 0, 1])
    const ids = made.map(({ id }) => id)
    expect(ids.filter((id) => outputs.includes(id))).toEqual([])
    const garbage = await ctx.sql<{ volume: string }[]>`select volume from garbage`
    const volumes = garbage.map(({ volume }) => volume)
    expect(volumes).toEqual(expect.arrayContaining(outputs.map(volumeOf)))
    expect(volumes).not.toEqual(expect.arrayContaining(ids.map(volumeOf)))
    expect(await outbox(ctx)).toEqual([
      { type: 'run.waiting', data: { planId: run.planId } },
      { type: 'volume.dropped', data: {} },
    ])
    await ctx.sql`delete from outbox`
    outputs = ids
    for (const status of ['ready', 'starting', 'aborting'])
      await ctx.sql`update run set status = ${status} where id = ${run.runId}`
    await ctx.sql`
      insert into attempt (run_id, number, worker, worker_uid)
      values (${run.runId}, ${attempt + 1}, 'w', 'u')`
  }
  await endBy(ctx, run.runId, 'machine', 254, lost)
  await finish(ctx, { runId: run.runId, attempt: 3 })
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'failed',
    attempt: 3,
    exitCode: 254,
    exitMessage: lost,
  })
  expect(await historyOf(ctx, run.runId)).toEqual(['waiting', 'waiting', 'waiting', 'failed'])
})

test('a program that ended with its local home is always tried again, and has the attempts left that it had', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx)
  const causes = ['home', 'machine', 'home', 'home', 'home', 'machine', 'home', 'machine']
  for (const [index, cause] of causes.entries()) {
    const attempt = index + 1
    for (const status of ['ready', 'starting', 'aborting'])
      await ctx.sql`update run set status = ${status} where id = ${runId}`
    await ctx.sql`
      insert into attempt (run_id, number, cause, exit_code, exit_message)
      values (${runId}, ${attempt}, ${cause}, 143, 'stopped')`
    await finish(ctx, { runId, attempt })
    expect(await readRun(ctx, runId)).toMatchObject(
      attempt < causes.length
        ? { status: 'waiting', attempt: attempt + 1 }
        : { status: 'failed', attempt },
    )
  }
})

test('hooks are asked for the next attempt of a run, and told of it, as of any move of a step', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  await endBy(ctx, run.runId, 'machine', 254, 'lost')
  let agrees = false
  const { url, calls } = await hookServer((_, response) => {
    response.writeHead(agrees ? 200 : 409).end()
  })
  Object.assign(ctx.config, { hooksBefore: [url], hooksAfter: [url] })
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'aborting',
    attempt: 1,
    reason: expect.stringContaining('keeps the run from being waiting'),
  })
  agrees = true
  await passTime(ctx)
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'waiting', attempt: 2 })
  const asked = calls.map(({ headers }) => headers['knit-hook'])
  expect(asked).toEqual(['before waiting', 'before waiting'])
  const told = await ctx.sql`
    select status, attempt, body ->> 'status' as body from hook_delivery where run_id = ${run.runId}`
  expect(told).toEqual([{ status: 'waiting', attempt: 2, body: 'waiting' }])
})

test('hooks that agreed to a next attempt are asked again when its plan was deactivated meanwhile', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  await endBy(ctx, run.runId, 'machine', 254, 'lost')
  const { url, calls } = await hookServer((_, response) => {
    void setPlanActive(ctx.sql, run.planId, false, { actor: 'test' }).then(() => response.end())
  })
  ctx.config.hooksBefore = [url]
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'deactivated', attempt: 2 })
  const asked = calls.map(({ headers }) => headers['knit-hook'])
  expect(asked).toEqual(['before waiting', 'before deactivated'])
})

test('a run that is to be tried again is held when its plan is deactivated meanwhile', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  await endBy(ctx, run.runId, 'machine', 254, 'lost')
  const deactivated = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const deactivating = ctx.sql.begin(async (tx) => {
    await setPlanActive(tx, run.planId, false, { actor: 'test' })
    deactivated.resolve()
    await gate.promise
  })
  await deactivated.promise
  const finishing = finish(ctx, run)
  await until(async () => {
    const waiting = await ctx.sql`
      select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`
    return waiting.length === 1
  })
  gate.resolve()
  await Promise.all([deactivating, finishing])
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'deactivated', attempt: 2 })
  await setPlanActive(ctx.sql, run.planId, true, { actor: 'test' })
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'waiting', attempt: 2 })
})

/** A run whose worker does not go, and has had all the time there is for that. */
async function makeStuck(
  ctx: TestWorld,
  status: 'completing' | 'aborting',
  state: WorkerState,
): Promise<MadeRun> {
  const run = await makeRun(ctx, { status })
  ctx.cluster.stuck.add(run.worker)
  ctx.cluster.set(run.worker, state)
  await letPass(ctx, ctx.config.workerGrace + ctx.config.deletionPatience + 1)
  return run
}

/** Every run has been where it is for so many seconds. */
const letPass = ({ sql }: TestWorld, seconds: number) =>
  sql`update run set updated_at = now() - ${seconds} * interval '1 second'`

test('a worker that does not go is waited for, and then given up by force', async ({ ctx }) => {
  const run = await makeStuck(ctx, 'completing', succeeded())
  await ctx.sql`update run set updated_at = now()`
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'completing',
    reason: 'its worker is being removed',
  })
  await ctx.sql`update run set updated_at = now() - interval '1 h'`
  await finish(ctx, run)
  expect(ctx.cluster.calls).toContain(`forceWorker ${run.worker}`)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'done' })
})

test('a program that may take long to end by itself is not given up before', async ({ ctx }) => {
  const run = await makeStuck(ctx, 'completing', { phase: 'running', startedAt: new Date() })
  ctx.config.workerGrace = 1000
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing' })
  expect(ctx.cluster.workers.has(run.worker)).toBe(true)
  await letPass(ctx, 1000 + ctx.config.deletionPatience + 1)
  await finish(ctx, run)
  expect(ctx.cluster.calls).toContain(`forceWorker ${run.worker}`)
})

test('a lost machine that never lets its worker go keeps no run from the next attempt', async ({
  ctx,
}) => {
  const run = await makeStuck(ctx, 'aborting', { phase: 'running', startedAt: new Date() })
  await endBy(ctx, run.runId, 'machine', 254, 'the node is gone')
  await finish(ctx, run)
  expect(ctx.cluster.workers.has(run.worker)).toBe(false)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'waiting', attempt: 2 })
})

test.for([{ phase: 'running', startedAt: new Date() }, { phase: 'pending' }] as const)(
  'a run that was torn off is not done with what a program may still write: $phase',
  async (state, { ctx }) => {
    const run = await makeStuck(ctx, 'completing', state)
    await ctx.sql`update attempt set exit_code = 0, exit_message = 'stopped by user'`
    await finish(ctx, run)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'aborting',
      exitCode: 255,
      exitMessage: expect.stringMatching(/may still change/),
    })
    await finish(ctx, run)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'failed', attempt: 1 })
    expect(await ctx.sql`select from data where run_id = ${run.runId} and ready`).toHaveLength(0)
  },
)

test('what a run reads is the same in every attempt', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  await endBy(ctx, run.runId, 'machine', 254, 'lost')
  await finish(ctx, run)
  const assigned = await ctx.sql`select knit_id from assign where run_id = ${run.runId}`
  expect(assigned.map((row) => row['knit_id'])).toEqual(run.inputs)
})

test.for(['program', 'plan', 'user'] as const)(
  'a failure that is laid to the %s is never tried again',
  async (cause, { ctx }) => {
    const run = await makeRun(ctx, { status: 'aborting' })
    await endBy(ctx, run.runId, cause, 1, 'why')
    await finish(ctx, run)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'failed',
      attempt: 1,
      exitCode: 1,
    })
  },
)

test('the log says why a run failed', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  await endBy(ctx, run.runId, 'program', 3, 'no such column')
  await finish(ctx, run)
  expect(ctx.lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({
      message: 'run failed',
      run: run.runId,
      exitCode: 3,
      reason: 'no such column',
    }),
  )
})

test('volumes that cannot be measured are tried again later; the run is not done before', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'completing' })
  ctx.cluster.before = (operation) => {
    if (operation === 'measureVolume') throw new Error('stale file handle')
  }
  expect((await finish(ctx, run)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'completing',
    failures: 1,
    reason: expect.stringMatching(/stale file handle/),
  })
  expect(await ctx.sql`select from data where run_id = ${run.runId} and ready`).toHaveLength(0)
  ctx.cluster.before = () => {}
  await passTime(ctx)
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'done' })
})

test('outputs that can never be measured end a run with the reason, and keep it from no end', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'completing' })
  ctx.cluster.before = (operation) => {
    if (operation === 'measureVolume') throw new Error('EIO: i/o error, read')
  }
  for (const status of ['completing', 'aborting'])
    for (let failures = 0; failures < ctx.config.maxStepFailures; failures += 1) {
      expect(await readRun(ctx, run.runId)).toMatchObject({ status, failures })
      await finish(ctx, run)
      await passTime(ctx)
    }
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'failed',
    attempt: 1,
    exitCode: 255,
    exitMessage: expect.stringMatching(/cannot be kept: i\/o error$/),
  })
})

test('a run that succeeded but whose outputs cannot be kept has failed, and is not tried again', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await ctx.sql`update attempt set exit_code = 0, exit_message = ''`
  ctx.cluster.before = (operation, name) => {
    if (operation === 'measureVolume' && name === volumeOf(run.outputs[1] ?? ''))
      throw new ArchiveError('bad-entry', 'there is a device in it')
  }
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'aborting',
    exitCode: 255,
    exitMessage: expect.stringMatching(/\/out\/b.*there is a device in it/),
  })
  expect(await outbox(ctx)).toEqual([
    { type: 'run.aborting', data: { runId: run.runId, attempt: 1 } },
  ])
  await finish(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'failed', attempt: 1 })
  expect(await ctx.sql`select from data where run_id = ${run.runId} and ready`).toHaveLength(0)
})

test('a step that fails for weeks goes on counting', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await ctx.sql`update run set failures = 32767 where id = ${run.runId}`
  ctx.cluster.before = () => {
    throw new Error('the API server is away')
  }
  expect((await finish(ctx, run)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing', claim: null })
})

test('a change of something that is no worker of ours is no error', async ({ ctx }) => {
  expect((await changed(ctx, 'some-other-pod')).status).toBe(202)
})

test.for(['aborting', 'completing'] as const)(
  'a program that a user ended (%s) is in the trace of its run until its worker is gone, once',
  async (to, { ctx }) => {
    const { tracer, spans } = keptSpans()
    ctx.tracer = tracer
    const run = await makeRun(ctx, { status: 'running' })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await ctx.sql`update run set traceparent = ${traceparent} where id = ${run.runId}`
    const startedAt = new Date('2026-01-02T03:04:05.678Z')
    await ctx.sql`update attempt set started_at = ${startedAt} where run_id = ${run.runId}`
    await begin(ctx.sql, (tx) => stopRun(tx, run.runId, to, { actor: 'ann' }))
    const goneAt = new Date('2026-01-02T03:05:00.000Z')
    ctx.clock = { now: () => goneAt }
    await finish(ctx, run)
    await finish(ctx, run)
    expect(spans.filter(({ name }) => name === 'program')).toMatchObject([
      {
        traceparent: programTrace({ id: run.runId, attempt: 1, traceparent }),
        parent: traceparent,
        start: startedAt.getTime(),
        end: goneAt.getTime(),
        error: undefined,
      },
    ])
  },
)
