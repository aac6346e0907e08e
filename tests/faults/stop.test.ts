import { once } from 'node:events'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { mkdirSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { data } from '#shared/contracts/data.ts'
import { runs } from '#shared/contracts/runs.ts'
import { databaseOf } from '#tests/support/home-database.ts'
import { ended, pullText, pushText, runsOf, shellPlan } from '#tests/support/home-work.ts'
import { killAll, processesOf } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'
import { untilAtRest } from './at-rest.ts'
import { test, type TestHome } from './test-home.ts'

/** The archive of a folder with one file, `text`. */
async function archiveOf(folder: string, content: string): Promise<Buffer> {
  const source = join(folder, 'source')
  mkdirSync(source, { recursive: true })
  writeFileSync(join(source, 'text'), content)
  return buffer(pack(source))
}

/** An upload of which a part has arrived. */
async function beginUpload({ apiRoot, api }: TestHome, part: Buffer): Promise<ClientRequest> {
  const request = http.request(`${apiRoot}/data?tag=type:raw`, {
    method: 'POST',
    headers: { 'content-type': 'application/tar+gzip' },
  })
  request.on('error', () => {})
  request.write(part)
  await until(async () => (await api.call(data.find, { tag: ['type:raw'] })).length === 1)
  return request
}

test('a home that is stopped in the middle of an upload takes what still comes, and keeps what it acknowledged', async ({
  folder,
  start,
}) => {
  const first = await start({ env: { KNIT_GRACE: '60' } })
  const archive = await archiveOf(folder, 'whole')
  const upload = await beginUpload(first, archive.subarray(0, 20))
  const stopped = first.stop('SIGTERM')
  await until(() =>
    fetch(`${first.apiRoot}/data`).then(
      () => false,
      () => true,
    ),
  )
  upload.end(archive.subarray(20))
  const [response] = (await once(upload, 'response')) as [IncomingMessage]
  expect(response.statusCode).toBe(200)
  const { knitId } = JSON.parse(await text(response)) as { knitId: string }
  expect(await stopped).toBe(0)

  const second = await start()
  expect(await pullText(second.api, folder, knitId)).toBe('whole')
  await untilAtRest(second)
})

test('an upload that does not end within the grace is cut, and nothing of it is kept', async ({
  folder,
  start,
}) => {
  const first = await start({ env: { KNIT_GRACE: '0.5' } })
  const upload = await beginUpload(first, (await archiveOf(folder, 'half')).subarray(0, 20))
  const cut = new Promise((resolve) => upload.once('close', resolve))
  expect(await first.stop('SIGTERM')).toBe(0)
  await cut
  expect(processesOf(first.folder)).toEqual([])

  const second = await start()
  await untilAtRest(second)
  expect(await second.api.call(data.find, {})).toEqual([])
})

test('a home that is stopped in the middle of a step lets it end, and the next one goes on from there', async ({
  folder,
  start,
}) => {
  const first = await start({ env: { KNIT_GRACE: '60', KNIT_CLAIM_LEASE: '3600' } })
  const plan = await shellPlan(first.api, 'type:raw', 'cp /in/text /out/text', 'type:copy')
  const sql = databaseOf(first.folder)
  await sql`
    create function hold() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock_shared(7); return null; end
    $$`
  await sql`create trigger hold after insert on attempt for each statement execute function hold()`
  const held = Promise.withResolvers<void>()
  const letGo = Promise.withResolvers<void>()
  const holding = sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(7)`
    held.resolve()
    await letGo.promise
  })
  await held.promise
  await pushText(first.api, folder, 'kept', 'type:raw')
  await until(async () => (await sql`select from run where claimed_by = 'start-run'`).length === 1)
  const stopped = first.stop('SIGTERM')
  await until(() =>
    fetch(first.apiRoot).then(
      () => false,
      () => true,
    ),
  )
  letGo.resolve()
  await holding
  expect(await stopped).toBe(0)
  await sql.end({ timeout: 1 })
  expect(processesOf(first.folder)).toEqual([])

  const second = await start({ env: { KNIT_CLAIM_LEASE: '3600' } })
  const again = databaseOf(second.folder)
  const moves = await again`
    select at < pg_postmaster_start_time() as before from run_history where status = 'starting' and attempt = 1`
  expect(moves).toEqual([{ before: true }])
  await again.end({ timeout: 1 })
  expect(await until(() => ended(second.api, plan))).toMatchObject({ status: 'done' })
  await untilAtRest(second)
})

test('a step that does not end within the grace is left, and its work is done by the next home', async ({
  folder,
  start,
}) => {
  const first = await start({ env: { KNIT_GRACE: '0.5', KNIT_CLAIM_LEASE: '3600' } })
  const plan = await shellPlan(first.api, 'type:raw', 'cp /in/text /out/text', 'type:copy')
  const sql = databaseOf(first.folder)
  // Only the first attempt to start the run is held.
  await sql`create sequence held`
  await sql`
    create function hold() returns trigger language plpgsql as $$
      begin
        if nextval('held') = 1 then perform pg_sleep(600); end if;
        return null;
      end
    $$`
  await sql`create trigger hold after insert on attempt for each statement execute function hold()`
  await pushText(first.api, folder, 'kept', 'type:raw')
  await until(async () => {
    const [held] = await sql`select from run where claimed_by = 'start-run'`
    return held
  })
  expect(await first.stop('SIGTERM')).toBe(0)
  await sql.end({ timeout: 1 })
  expect(processesOf(first.folder)).toEqual([])

  const second = await start({ env: { KNIT_CLAIM_LEASE: '3600' } })
  expect(await until(() => ended(second.api, plan))).toMatchObject({ status: 'done' })
  await untilAtRest(second)
})

test('a program that is stopped may take as long to end by itself as the settings say', async ({
  folder,
  start,
}) => {
  const home = await start({ env: { KNIT_WORKER_GRACE: '60' } })
  // Longer than it may without a setting.
  const save = `trap 'sleep 2.5; echo saved > /out/text; exit' TERM`
  const line = `${save}; echo begun; while :; do sleep 0.05; done`
  const plan = await shellPlan(home.api, 'type:raw', line, 'type:saved')
  await pushText(home.api, folder, 'kept', 'type:raw')
  const runId = await until(async () => {
    const [run] = await runsOf(home.api, plan)
    const log = run && (await home.api.log(run.runId).catch(() => undefined))
    return log && (await text(log)) === 'begun\n' ? run.runId : undefined
  })
  await home.api.call(runs.tearoff, { runId })
  const run = await until(() => ended(home.api, plan))
  expect(run).toMatchObject({ status: 'done' })
  expect(await pullText(home.api, folder, run.outputs[0]?.knitId ?? '')).toBe('saved\n')
  await untilAtRest(home)
})

test('what a killed home held is free as soon as it is started again', async ({
  folder,
  start,
}) => {
  const long = { KNIT_CLAIM_LEASE: '3600', KNIT_UPLOAD_LEASE: '3600' }
  const first = await start({ env: long })
  const gate = join(folder, 'gate')
  const plan = await shellPlan(
    first.api,
    'type:in',
    `until [ -e ${gate} ]; do :; done; cp /in/text /out/text`,
    'type:copy',
  )
  await pushText(first.api, folder, 'kept', 'type:in')
  await until(async () =>
    (await runsOf(first.api, plan)).some(({ status }) => status === 'running'),
  )
  await beginUpload(first, (await archiveOf(folder, 'half')).subarray(0, 20))
  const sql = databaseOf(first.folder)
  // As a step would that serves it just now.
  await sql`
    update run
       set claim = gen_random_uuid(), claimed_by = 'observe-worker', claimed_until = now() + interval '1 hour'
     where plan_id = ${plan}`
  await sql`update outbox set leased_until = now() + interval '1 hour'`
  const killed = first.stop('SIGKILL')
  killAll(first.folder)
  await killed
  await sql.end({ timeout: 1 })

  writeFileSync(gate, '')
  const second = await start({ env: long })
  const run = await until(() => ended(second.api, plan))
  expect(run).toMatchObject({ status: 'done' })
  expect(await second.api.call(data.find, { tag: ['type:raw'] })).toEqual([])
  await untilAtRest(second)
})
