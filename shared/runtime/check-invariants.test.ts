import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { Check } from '#shared/domain/check.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { KeptLogs } from '#shared/ports/kept-logs.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { failed, succeeded } from '#tests/support/scripted-cluster.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { until } from '#tests/support/until.ts'
import type { Engine } from '#tests/support/running-engine.ts'
import { call, signingKey, test, type TestWorld } from '#tests/support/world.ts'
import dataTag from '../../functions/api/data-tag/function.ts'
import { checkInvariants } from './check-invariants.ts'

type Lived = { planId: string; done: string; failed: string; data: string }

/** A world that has done something: a plan with two inputs, three runs that ended, one of them badly. */
async function live({ world, settle }: Engine): Promise<Lived> {
  const { sql, cluster } = world
  cluster.afterRelease = (spec) => (spec.labels['run'] === bad ? failed() : succeeded())
  let bad = ''
  const planId = await makePlan(world, {
    inputs: { '/in/a': ['t:a'], '/in/b': ['t:b'] },
    outputs: { '/out': ['made:here'] },
    log: [],
  })
  await makePlan(world, { inputs: { '/in': ['made:here'] } })
  const keep = async (...tags: string[]) => {
    const knitId = await makeData(world, ...tags)
    cluster.volumes.set(volumeOf(knitId), { bytes: 1, files: 1, digest: 'sha256:test' })
    return knitId
  }
  await keep('t:a')
  const data = await keep('t:b')
  await settle()
  const [run] = await sql<{ id: string }[]>`select id from run where plan_id = ${planId}`
  cluster.before = async (operation) => {
    if (operation !== 'ensureWorker') return
    const [next] = await sql<{ id: string }[]>`select id from run where status = 'ready'`
    bad = next?.id ?? ''
  }
  await keep('t:a')
  await settle()
  return { planId, done: run?.id ?? '', failed: bad, data }
}

const violated = (checks: Check[]) =>
  checks
    .filter(({ state }) => state !== 'holds')
    .map(({ sentence, things }) => [sentence, ...things])

test('where everything was done everything holds, and nothing is left to do', async ({
  ctx,
  engine,
}) => {
  const { failed } = await live(engine)
  expect(await ctx.sql`select status from run where id = ${failed}`).toEqual([{ status: 'failed' }])
  expect(violated(await checkInvariants(ctx, 0))).toEqual([])
})

test('what is in progress breaks nothing, unless the system is said to be at rest', async ({
  ctx,
  engine,
}) => {
  await live(engine)
  const knitId = await makeData(ctx, 't:a')
  ctx.cluster.volumes.set(volumeOf(knitId), { bytes: 1, files: 1, digest: 'sha256:test' })
  expect(violated(await checkInvariants(ctx, 60))).toEqual([])
  expect(violated(await checkInvariants(ctx, 0))).toEqual([
    ['No fact waits to be matched for long.', `data ${knitId}`],
    [
      'No event waits to be published for long.',
      expect.stringMatching(/run\.done$/),
      expect.stringMatching(/data\.ready$/),
    ],
  ])
})

test('a history whose beginning was kept long enough and forgotten is no damage', async ({
  ctx,
  engine,
}) => {
  const { done } = await live(engine)
  await ctx.sql`update run set created_at = created_at - interval '1000 days'`
  await ctx.sql`delete from run_history where run_id = ${done} and status in ('waiting', 'ready')`
  expect(violated(await checkInvariants(ctx, 60))).toEqual([])
  await ctx.sql`delete from run_history`
  expect(violated(await checkInvariants(ctx, 60))).toEqual([])
})

test('nominations that are being projected break nothing, unless the system is said to be at rest', async ({
  ctx,
  engine,
}) => {
  const { planId, data } = await live(engine)
  const broken = async (patience: number) => violated(await checkInvariants(ctx, patience))
  const [input] = await ctx.sql<{ id: number }[]>`
    update nomination set due = true where knit_id = ${data} returning input_id as id`
  const found = [
    'No nomination waits to be projected for long, but for paused plans.',
    `data ${data} for input ${input?.id} of plan ${planId}`,
  ]
  const atRest = await broken(0)
  expect(atRest).toContainEqual(found)
  const others = atRest.filter(([sentence]) => sentence !== found[0])
  expect(await broken(60)).toEqual(others)
  await ctx.sql`update nomination set created_at = now() - interval '1 h'`
  expect(await broken(60)).toContainEqual(found)
  await ctx.sql`update plan set allowed = 9 where id = ${planId}`
  expect(await broken(60)).toEqual(others)
  await ctx.sql`update plan set allowed = null, would_create = 9 where id = ${planId}`
  expect(await broken(0)).toEqual(others)
})

test('calls of an after-hook that wait until an earlier one is taken break nothing, however long that is', async ({
  ctx,
  engine,
}) => {
  const { sql } = ctx
  const { done } = await live(engine)
  const add = async (status: string, url: string, due: string, failures = 0) => {
    const [call] = await sql<{ id: string }[]>`
      insert into hook_delivery (run_id, attempt, status, url, body, failures, due_at)
      values (${done}, 1, ${status}, ${url}, '{}', ${failures}, now() + ${due}::interval)
      returning id`
    return call?.id
  }
  const broken = async (patience: number) =>
    violated(await checkInvariants(ctx, patience)).map(([, ...things]) => things)
  const named = (...ids: (string | undefined)[]) => [
    ids.map((id) => `hook delivery ${id} of run ${done}`),
  ]
  const putOff = await add('starting', 'http://hook.test/a', '5 minutes', 3)
  const behind = await add('running', 'http://hook.test/a', '-1 hour')
  expect(await broken(60)).toEqual([])
  expect(await broken(0)).toEqual(named(putOff))

  await sql`update hook_delivery set delivered_at = now() where id = ${putOff ?? ''}`
  expect(await broken(60)).toEqual([])
  expect(await broken(0)).toEqual(named(behind))
  await sql`
    update hook_delivery set delivered_at = now() - interval '1 hour' where id = ${putOff ?? ''}`
  expect(await broken(60)).toEqual(named(behind))

  // What another hook has to be told waits for nobody.
  const other = await add('running', 'http://hook.test/b', '-1 hour')
  await sql`update hook_delivery set due_at = now() + interval '1 hour' where id = ${behind ?? ''}`
  expect(await broken(60)).toEqual(named(other))
})

/** Breaks one thing, by statements that no function makes; gives back the thing. */
type Damage = (tx: Tx, lived: Lived, ctx: TestWorld) => Promise<string>

const none = randomUUID()

const damages: Record<string, Damage> = {
  'No combination of inputs has two runs.': async (tx, { done }) => {
    await tx`alter table run drop constraint run_plan_id_combination_key`
    await tx`
      insert into run (id, plan_id, status, combination)
      select ${none}, plan_id, 'done', combination from run where id = ${done}`
    return `runs ${[done, none].toSorted().join(' ')}`
  },
  'A run is known by the combination of what it reads.': async (tx, { done }) => {
    await tx`update run set combination = sha256('else') where id = ${done}`
    return `run ${done}`
  },
  'Every input of a run has its data.': async (tx, { done }) => {
    await tx`
      delete from assign
       where run_id = ${done}
         and input_id = (select max(input_id) from assign where run_id = ${done})`
    return `run ${done}`
  },
  'Every output of a run has its data, and a deleted run has none.': async (tx, { done }) => {
    await tx`delete from data where run_id = ${done} and tags = '{}'`
    return `run ${done}`
  },
  'A run that was not deleted reads data that can be used.': async (tx, { done, data }) => {
    await tx`update data set ready = false where id = ${data}`
    return `run ${done} reads data ${data}`
  },
  'Runs are held exactly while their plan is inactive.': async (tx, { failed }) => {
    await tx`update run set status = 'deactivated' where id = ${failed}`
    return `run ${failed} is deactivated`
  },
  'Every run has ended, is held, or will be looked at again soon.': async (tx, { failed }) => {
    await tx`update run set status = 'completing', due_at = 'infinity' where id = ${failed}`
    return `run ${failed} is completing`
  },
  'The history of a run leads by legal moves to where it is.': async (tx, { done }) => {
    await tx`delete from run_history where run_id = ${done} and status = 'starting'`
    return `run ${done}: from ready to completing`
  },
  'No attempt is known that the run has not begun.': async (tx, { done }) => {
    await tx`insert into attempt (run_id, number) values (${done}, 7)`
    return `run ${done} attempt 7`
  },
  'Data can be used exactly when the run that made it is done.': async (tx, { failed }) => {
    const [data] = await tx`
      update data set ready = true where run_id = ${failed} and tags <> '{}' returning id`
    return `data ${data?.['id']} of run ${failed}`
  },
  'Every tag that data carries exists, and is carried once.': async (tx, { data }) => {
    await tx`update data set tags = tags || tags where id = ${data}`
    return `data ${data}`
  },
  'Data carry the tags they were made with, until somebody changes them.': async (tx, { done }) => {
    const [made] = await tx`
      update data set tags = '{}' where run_id = ${done} and tags <> '{}' returning id`
    return `data ${made?.['id']}`
  },
  'Nobody is taken to read or write data who has long been gone.': async (tx, { data }) => {
    await tx`
      insert into agent (id, knit_id, mode, lease_until)
      values (${none}, ${data}, 'read', now() - interval '1 h')`
    return `agent ${none} of data ${data}`
  },
  'No fact waits to be matched for long.': async (tx, { data }) => {
    await tx`
      insert into match_task (knit_id, created_at) values (${data}, now() - interval '1 h')`
    return `data ${data}`
  },
  'What fits an input is nominated for it, or is still to be matched.': async (
    tx,
    { data, planId },
  ) => {
    const [gone] = await tx`delete from nomination where knit_id = ${data} returning input_id as id`
    return `data ${data} for input ${gone?.['id']} of plan ${planId}`
  },
  'What is nominated fits, or is still to be looked at.': async (tx, { data, planId }) => {
    await tx`update data set tags = '{}' where id = ${data}`
    const [input] = await tx`select input_id as id from nomination where knit_id = ${data}`
    return `data ${data} for input ${input?.['id']} of plan ${planId}`
  },
  'No nomination waits to be projected for long, but for paused plans.': async (
    tx,
    { data, planId },
  ) => {
    const [input] = await tx`
      update nomination
         set due = true,
             created_at = now() - interval '1 h'
       where knit_id = ${data}
      returning input_id as id`
    return `data ${data} for input ${input?.['id']} of plan ${planId}`
  },
  'Every combination of what was nominated and projected has its run.': async (tx, lived) => {
    await tx`delete from run where id = ${lived.done}`
    await tx`delete from assign where run_id = ${lived.done}`
    return `plan ${lived.planId}: 1 runs for 2 combinations`
  },
  'No event waits to be published for long.': async (tx) => {
    await tx`
      insert into outbox (id, type, subject, data, created_at)
      values (${none}, 'run.done', '', '{}', now() - interval '1 h')`
    return `event ${none} run.done`
  },
  'No event is dead.': async (tx, { planId }) => {
    const event = { name: 'data.nominated', subject: planId }
    await tx`
      insert into dead_letter (id, step, event, cause, times)
      values (${none}, 'project-runs', ${tx.json(event)}, ${'Error: why\nand more'}, 7)`
    return `event ${none} data.nominated of ${planId}, given up by project-runs 7 times: Error: why`
  },
  'No call of an after-hook is left that nobody makes.': async (tx, { done }) => {
    await tx`
      insert into hook_delivery (id, run_id, attempt, status, url, body, due_at)
      values (${none}, ${done}, 1, 'done', '', '{}', now() - interval '1 h')`
    return `hook delivery ${none} of run ${done}`
  },
  'No volume is left that nobody deletes.': async (tx) => {
    await tx`insert into garbage (volume, due_at) values ('v', now() - interval '1 h')`
    return 'volume v'
  },
  'No secret is kept where people read.': async (tx, { done }) => {
    await tx`update run_history set reason = ${`by ${signingKey}`} where run_id = ${done}`
    return `history of run ${done}`
  },
  'No secret is in the logs of the home, nor in the newest ones of programs.': async (
    _tx,
    _lived,
    ctx,
  ) => {
    const log = () => Readable.from([Buffer.from(`it is ${signingKey}`)])
    ctx.logs = { ...noLogs, own: () => [['local.log', log]] }
    return 'local.log'
  },
  'Every volume is of a data, or is to be deleted.': async (_tx, _lived, { cluster }) => {
    await cluster.ensureVolume({ name: volumeOf(none) })
    return `volume ${volumeOf(none)}`
  },
  'Every data that can be used, or is being written, has its volume.': async (_tx, lived, ctx) => {
    ctx.cluster.volumes.delete(volumeOf(lived.data))
    return `data ${lived.data}`
  },
  'Every worker is of the current attempt of a run that needs it.': async (_tx, _lived, ctx) => {
    const name = workerOf({ id: none, attempt: 1 })
    const spec = { labels: {}, image: '', entrypoint: [], args: [], env: {}, inputs: [] }
    const more = {
      outputs: [],
      limits: {},
      network: false,
      onNode: { may: [], prefer: [], must: [] },
    }
    await ctx.cluster.ensureWorker({ name, ...spec, ...more })
    return `worker ${name}`
  },
  'Every run that is running has its worker.': async (tx, { failed }) => {
    await tx`
      update run set status = 'running', updated_at = now() - interval '1 h' where id = ${failed}`
    return `run ${failed} attempt 1`
  },
}

const noLogs: KeptLogs = { own: () => [], ofRun: async () => Readable.from([]) }

/** What is found after damage, which is undone. */
async function foundAfter(ctx: TestWorld, lived: Lived, damage: Damage) {
  ctx.logs = noLogs
  const volumes = new Map(ctx.cluster.volumes)
  const undo = new Error('undo')
  let found: { thing: string; broken: string[][] } | undefined
  const tried = ctx.sql.begin(async (tx) => {
    // Without triggers and foreign keys, which would not let it happen.
    await tx`set local session_replication_role = replica`
    const thing = await damage(tx, lived, ctx)
    const sql = tx as unknown as TestWorld['sql']
    const checks = await checkInvariants({ ...ctx, sql }, 60)
    found = { thing, broken: violated(checks) }
    throw undo
  })
  await expect(tried).rejects.toBe(undo)
  ctx.cluster.volumes.clear()
  for (const [name, measure] of volumes) ctx.cluster.volumes.set(name, measure)
  ctx.cluster.workers.clear()
  return found
}

test('damage is found by the sentence it breaks, and every sentence finds some', async ({
  ctx,
  engine,
}) => {
  const lived = await live(engine)
  for (const [sentence, damage] of Object.entries(damages)) {
    const found = await foundAfter(ctx, lived, damage)
    expect(found?.broken).toContainEqual(expect.arrayContaining([sentence, found?.thing]))
  }
  ctx.logs = noLogs
  const checks = await checkInvariants(ctx, 0)
  expect(violated(checks)).toEqual([])
  expect(checks.map(({ sentence }) => sentence).toSorted()).toEqual(Object.keys(damages).toSorted())
})

test('tags that a user changes are those of the data, and whatever else changes them is found', async ({
  ctx,
  engine,
}) => {
  const { data } = await live(engine)
  const found = async () =>
    violated(await checkInvariants(ctx, 60)).filter(([sentence]) => sentence?.includes('tags they'))
  const body = { add: [{ key: 'by', value: 'a user' }] }
  expect((await call(dataTag, ctx, `/api/data/${data}`, { body })).status).toBe(200)
  expect(await found()).toEqual([])
  await ctx.sql`update data set tags = '{}' where id = ${data}`
  expect(await found()).toEqual([[expect.any(String), `data ${data}`]])
  expect((await call(dataTag, ctx, `/api/data/${data}`, { body })).status).toBe(200)
  expect(await found()).toEqual([])
  await ctx.sql`update data set tagged_at = tagged_at - interval '31 days'`
  expect(await found()).toEqual([])
})

test('a token that was handed out is a secret where people read, until it is revoked', async ({
  ctx,
}) => {
  const secret = await makeToken(ctx, 'ann')
  const sentence = 'No secret is kept where people read.'
  const found = async () =>
    violated(await checkInvariants(ctx, 60)).filter(([broken]) => broken === sentence)
  await ctx.sql`
    insert into garbage (volume, reason, due_at)
    values ('v', ${`no right with ${secret}`}, now() + interval '1 h')`
  expect(await found()).toEqual([[sentence, 'volume v']])
  await ctx.sql`update token set revoked_by = 'ann', revoked_at = now()`
  expect(await found()).toEqual([])
})

test.for([
  ['logs that are ours to read are looked through', true],
  ['nothing is said of logs that others keep', false],
] as const)('%s', async ([, areOurs], { ctx }) => {
  if (areOurs) ctx.logs = noLogs
  const about = (await checkInvariants(ctx, 60)).filter(({ sentence }) => sentence.includes('logs'))
  expect(about.map(({ state }) => state)).toEqual(areOurs ? ['holds'] : [])
})

test.for([
  ['postgres://knit:long%25secret@db.test/knit', 'long%secret', ['log']],
  ['postgres://knit:long%25secret@db.test/knit', 'long%25secret', ['log']],
  ['postgres://knit:knit@db.test/knit', 'knit', []],
  ['embedded', 'embedded', []],
] as const)(
  'of the database %s, the password is looked for in any form, unless it stands in any text: %s',
  async ([databaseUrl, printed, things], { ctx }) => {
    const log = () => Readable.from([Buffer.from(`connecting with ${printed}`)])
    const logs = { ...noLogs, own: () => [['log', log] as const] }
    const config = { ...ctx.config, databaseUrl }
    const checks = await checkInvariants({ ...ctx, logs, config }, 60)
    expect(checks.flatMap((check) => check.things)).toEqual(things)
  },
)

test('what cannot be found out is told as that', async ({ ctx }) => {
  ctx.cluster.listVolumes = async () => {
    throw new Error('the cluster is away')
  }
  const checks = await checkInvariants(ctx, 60)
  const unknown = checks.filter(({ state }) => state === 'unknown')
  expect(unknown).toHaveLength(2)
  for (const { reason } of unknown) expect(reason).toContain('the cluster is away')
})

test('what the database does not answer in time is unknown, and nothing besides', async ({
  ctx: { sql, ...ctx },
}) => {
  const isHeld = Promise.withResolvers<void>()
  const isOver = Promise.withResolvers<void>()
  const holder = sql.begin(async (tx) => {
    await tx`lock table dead_letter in access exclusive mode`
    isHeld.resolve()
    await isOver.promise
  })
  await isHeld.promise
  let checks: Check[] | undefined
  const asked = checkInvariants({ ...ctx, sql }, 60).then((found) => (checks = found))
  // A statement that is cancelled ends as one that took too long.
  await until(async () => {
    await sql`select pg_cancel_backend(pid) from pg_locks where not granted`
    return checks
  })
  isOver.resolve()
  await Promise.all([holder, asked])
  const unknown = checks?.filter(({ state }) => state === 'unknown')
  expect(unknown?.map(({ sentence }) => sentence)).toEqual([
    'No event is dead.',
    'No secret is kept where people read.',
  ])
})
