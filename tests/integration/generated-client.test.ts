import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { fetchAsDescribed } from '#tests/support/as-described.ts'
import { generateClient, type GeneratedClient, type Told } from '#tests/support/generated-client.ts'
import { startHome, temporaryFolder, type RunningHome } from '#tests/support/local-home.ts'
import { operations, type Obj } from '#tests/support/openapi.ts'
import { until } from '#tests/support/until.ts'

/** What its types have to allow, and what not. */
const program = `
import * as api from './client.ts'
const found = await api.runsFind({ plan: 'a', status: 'done,failed', limit: 10 })
if (found.status === 200) for (const { runId, exit } of found.data) (runId + exit?.code) satisfies string
else found.data.message satisfies string
const applied = await api.plansApply({ image: 'a:1', inputs: [{ path: '/in', tags: ['a:1'] }] }, { dryRun: '' })
if (applied.status === 409) applied.data.message satisfies string
await api.dataPush(new Blob(['']), { tag: ['a:1'], idempotencyKey: 'a', uploadOffset: '1', uploadComplete: '?0' })
await api.dataPull('a', { range: 'bytes=1-', ifRange: '"a"' })
// @ts-expect-error: there is no such role
await api.tokensCreate({ name: 'a', role: 'root' })
// @ts-expect-error: of what it is to be explained has to be said
await api.explainShow()
`

let folder: { path: string; remove(): Promise<void> }
let home: RunningHome
let client: GeneratedClient
const coverage = { asked: new Set<string>(), served: new Set<string>() }
const checkedFetch = fetchAsDescribed(coverage)

beforeAll(async () => {
  folder = await temporaryFolder()
  home = await startHome(join(folder.path, 'home'), '--auth')
  const description = `${home.apiRoot}/openapi.json`
  client = await generateClient(join(folder.path, 'client'), description, program)
  const { token } = parse(readFileSync(join(home.folder, 'knitprofile'), 'utf8')) as {
    token: string
  }
  Object.assign(client.defaults, {
    baseUrl: new URL('/', home.apiRoot).href,
    headers: { authorization: `Bearer ${token}` },
    fetch: checkedFetch,
  })
})

afterAll(async () => {
  await home.stop()
  await folder.remove()
})

/** What an operation answers, which has to be a success. */
async function ask<T = Obj>(operation: string, ...args: unknown[]): Promise<T> {
  const { status, data } = await told<T>(operation, ...args)
  if (status >= 400) throw new Error(`${operation} answered ${status}: ${JSON.stringify(data)}`)
  return data
}

async function told<T = Obj>(operation: string, ...args: unknown[]): Promise<Told<T>> {
  const call = client[operation]
  if (!call) throw new Error(`the client has no ${operation}`)
  return (await call(...args)) as Told<T>
}

/** A plan whose program is a line of shell. */
const shellPlan = (tag: string, line: string, put: string) => ({
  image: 'knit.local/host:1',
  entrypoint: ['sh', '-c', line],
  inputs: [{ path: '/in', tags: [tag] }],
  outputs: [{ path: '/out', tags: [put] }],
  log: { tags: ['type:log'] },
})

async function push(text: string, ...tag: string[]): Promise<DataDetail> {
  const source = join(folder.path, `source-${text}`)
  mkdirSync(source)
  writeFileSync(join(source, 'text'), text)
  const archive = new Blob([await buffer(pack(source))], { type: 'application/tar+gzip' })
  return ask<DataDetail>('dataPush', archive, { tag, idempotencyKey: randomUUID() })
}

/** The only run of a plan, once it is there. */
const runOf = (plan: string, status: RunStatus): Promise<RunDetail> =>
  until(async () => (await ask<RunDetail[]>('runsFind', { plan, status }))[0])

test('what is pushed goes through a plan, and is found, pulled, traced and explained', async () => {
  const line = 'echo begun; tr a-z A-Z < /in/text > /out/text'
  const loud = shellPlan('type:raw', line, 'type:loud')
  const previewed = await ask<PlanDetail>('plansApply', loud, { dryRun: '' })
  expect(previewed.dryRun).toMatchObject({ starts: 0 })
  const { planId } = await ask<PlanDetail>('plansApply', loud)
  const { knitId } = await push('hello', 'type:raw')
  const run = await runOf(planId, 'done')
  const { runId } = run
  expect(run).toMatchObject({ inputs: [{ knitId }], exit: { code: 0 } })
  expect(await ask('runsShow', runId)).toEqual(run)
  expect(await ask('runsHistory', runId)).toMatchObject({ runId })
  expect(await ask('runsLog', runId)).toBe('begun\n')
  const put = await ask<DataDetail[]>('dataFind', { tag: ['type:loud'], limit: 1 })
  const made = put[0]?.knitId ?? ''
  expect(made).toBe(run.outputs[0]?.knitId)
  expect(await ask('dataShow', made)).toEqual(put[0])
  expect(await ask('dataLs', made)).toMatchObject({ files: [{ path: 'text', size: 5 }] })
  expect(await ask('dataCat', made, 'text')).toBe('HELLO')
  expect(await pulled(made)).toBe('HELLO')
  const change = { add: ['quality:good'] }
  expect((await ask<DataDetail>('dataTag', made, change)).tags).toContain('quality:good')
  expect(await ask('lineageShow', made, { direction: 'up' })).toMatchObject({
    runs: expect.arrayContaining([expect.objectContaining({ runId })]),
  })
  expect(await ask<string>('lineageShow', made, { format: 'dot' })).toContain('digraph')
  expect(await ask('explainShow', planId, { data: knitId })).toMatchObject({
    data: [{ inputs: [{ fits: true, runs: [{ runId }] }] }],
  })
  expect(await ask('plansUsage', planId)).toMatchObject({ runs: 1, data: 2 })
})

/** The text of data. What the client gives is text, so the bytes are taken on their way. */
async function pulled(knitId: string): Promise<string> {
  const target = join(folder.path, `pulled-${knitId}`)
  mkdirSync(target)
  const bytes = await new Promise<ArrayBuffer>((resolve) => {
    const take = async (input: string | URL | Request, init?: RequestInit) => {
      const answer = await checkedFetch(input, init)
      resolve(await answer.clone().arrayBuffer())
      return answer
    }
    void ask('dataPull', knitId, {}, { fetch: take })
  })
  await unpack(Readable.from([Buffer.from(bytes)]), target)
  return readFileSync(join(target, 'text'), 'utf8')
}

test('an upload goes on where a part of it ended, and a download behind what has come', async () => {
  const source = join(folder.path, 'source-parts')
  mkdirSync(source)
  writeFileSync(join(source, 'text'), 'in parts')
  const archive = await buffer(pack(source))
  const idempotencyKey = randomUUID()
  const part = (bytes: Buffer<ArrayBuffer>, more: Record<string, string>) =>
    told<DataDetail>('dataPush', new Blob([bytes], { type: 'application/tar+gzip' }), {
      tag: ['type:parts'],
      idempotencyKey,
      ...more,
    })
  const begun = await part(archive.subarray(0, 20), { uploadComplete: '?0' })
  expect([begun.status, begun.headers.get('upload-offset')]).toEqual([204, '20'])
  const elsewhere = await part(archive.subarray(0, 0), { uploadOffset: '5', uploadComplete: '?0' })
  expect([elsewhere.status, elsewhere.headers.get('upload-offset')]).toEqual([409, '20'])
  const { status, data } = await part(archive.subarray(20), { uploadOffset: '20' })
  expect(status).toBe(200)
  const rest = await told('dataPull', data.knitId, { range: 'bytes=10-' })
  expect([rest.status, rest.headers.get('content-range')?.slice(0, 9)]).toEqual([206, 'bytes 10-'])
})

test('a plan is looked up and changed', async () => {
  const spec = shellPlan('type:nothing', 'true', 'type:none')
  const { planId } = await ask<PlanDetail>('plansApply', spec, { idempotencyKey: randomUUID() })
  expect(await ask('plansFind', { inTag: ['type:nothing'], active: 'true' })).toMatchObject([
    { planId },
  ])
  expect(await ask('plansDeactivate', planId)).toMatchObject({ active: false })
  expect(await ask('plansActivate', planId)).toMatchObject({ active: true })
  await ask('plansResource', planId, { set: { cpu: 2 } })
  await ask('plansAnnotate', planId, { add: ['owner=ann'] })
  await ask('plansSetaccount', planId, { service_account: 'trainer' })
  expect(await ask('plansShow', planId)).toMatchObject({
    resources: { cpu: '2' },
    annotations: ['owner=ann'],
    service_account: 'trainer',
  })
  expect(await ask('plansUnsetaccount', planId)).not.toHaveProperty('service_account')
})

test('runs are aborted, tried again, torn off and deleted, and every move is told', async () => {
  const line = 'echo half > /out/text; echo begun; while :; do sleep 0.05; done'
  const { planId } = await ask<PlanDetail>('plansApply', shellPlan('type:long', line, 'type:half'))
  await push('long', 'type:long')
  const begun = async () => {
    const run = await runOf(planId, 'running')
    await until(async () => (await ask<string>('runsLog', run.runId)).includes('begun'))
    return run.runId
  }
  const runId = await begun()
  expect(await ask('runsAbort', runId)).toMatchObject({ status: 'aborting' })
  await runOf(planId, 'failed')
  await ask('runsRetry', runId)
  expect(await begun()).toBe(runId)
  await ask('runsTearoff', runId)
  await runOf(planId, 'done')
  expect(await movesAfter('0', runId)).toContain('"status":"running"')
  await ask('runsDelete', runId)
  expect(await ask('runsShow', runId)).toMatchObject({ status: 'invalidated' })
})

/** What is told of a run from an event on, until it was aborted once. */
async function movesAfter(after: string, run: string): Promise<string> {
  const first = async (input: string | URL | Request, init?: RequestInit) => {
    const answer = await checkedFetch(input, init)
    const decoder = new TextDecoder()
    let text = ''
    for await (const bytes of answer.body ?? []) {
      text += decoder.decode(bytes, { stream: true })
      if (text.includes('"status":"failed"')) break
    }
    return new Response(text, answer)
  }
  return ask<string>('eventsWatch', { lastEventId: after, run }, { fetch: first })
}

test('a folder that is there already is imported', async () => {
  const token = await ask<string>('importsBegin')
  const { sub = '' } = decodeJwt(token)
  const asJwt = { headers: { 'content-type': 'application/jwt' } }
  expect((await told('importsEnd', token, {}, asJwt)).status).toBe(400)
  mkdirSync(join(home.folder, 'volumes', sub))
  await ask<DataDetail>('importsEnd', token, {}, asJwt)
})

test('operators look after tokens, the audit, hooks, garbage and events', async () => {
  expect(await ask('accessWhoami')).toMatchObject({ name: 'token', role: 'admin' })
  const request = { name: 'ann', role: 'viewer', lifetime: 60 }
  const { secret } = await ask<{ secret: string }>('tokensCreate', request)
  const asAnn = { headers: { authorization: `Bearer ${secret}` } }
  expect(await ask('accessWhoami', asAnn)).toMatchObject({ name: 'token:ann', role: 'viewer' })
  expect(await ask('tokensList', { limit: 5 })).toMatchObject([{ name: 'ann', state: 'valid' }])
  const refused = await told('runsAbort', randomUUID(), {}, asAnn)
  expect(refused).toMatchObject({ status: 403, data: { message: expect.stringMatching('viewer') } })
  await ask('tokensRevoke', 'ann')
  expect(await ask('adminAudit', { subject: 'ann' })).toMatchObject([
    { route: 'tokens.revoke' },
    { route: 'tokens.create' },
  ])
  const checks = await ask<{ state: string }[]>('adminCheck', { patience: 60 })
  expect(checks.filter(({ state }) => state !== 'holds')).toEqual([])
  for (const list of ['adminHooks', 'adminGarbage', 'adminEvents'])
    expect(Array.isArray(await ask(list, { limit: 3 }))).toBe(true)
  for (const change of ['adminReplay', 'adminDrop'])
    expect((await told(change, { eventIds: [randomUUID()] })).status).toBe(404)
})

test('failures are told as described, in both forms', async () => {
  const nobody = { headers: { authorization: 'Bearer knit_bad' } }
  const asProblem = { headers: { accept: 'application/problem+json' } }
  expect((await told('plansFind', {}, nobody)).status).toBe(401)
  expect((await told('dataFind', { since: 'yesterday' })).status).toBe(400)
  expect((await told('plansApply', { image: 'a:1' }, {}, asProblem)).data).toMatchObject({
    code: 'bad-request',
  })
  const spec = shellPlan('type:twice', 'true', 'type:none')
  await ask('plansApply', spec)
  const again = await told('plansApply', spec, {}, asProblem)
  expect(again).toMatchObject({ status: 409, data: { code: 'plan-equivalent' } })
  for (const show of ['dataShow', 'dataPull', 'plansShow', 'plansUsage', 'runsLog', 'lineageShow'])
    expect((await told(show, randomUUID())).status).toBe(404)
})

test('how to sign in is told to everybody', async () => {
  expect(await ask('authShow', { headers: { authorization: '' } })).toEqual({})
})

test('no operation has been left out', () => {
  const all = operations.map(({ operation }) => String(operation['operationId']))
  expect(all.filter((id) => !coverage.asked.has(id))).toEqual([])
  // For these there would have to be an event that no delivery helped.
  expect(all.filter((id) => !coverage.served.has(id))).toEqual(['admin-replay', 'admin-drop'])
})
