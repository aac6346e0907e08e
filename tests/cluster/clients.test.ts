import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { fetchAsDescribed } from '#tests/support/as-described.ts'
import { generateClient, type Told } from '#tests/support/generated-client.ts'
import {
  browser,
  browserSince,
  cli,
  cliArchive,
  cliPlan,
  cliPlanWithoutImage,
  cliSinceEver,
  cliTagOf,
  cliTags,
  cliUpload,
  cliWindow,
} from '#tests/support/known-clients.ts'
import { begin, md5, send, type Reply, type Wish } from '#tests/support/over-socket.ts'
import { test as base } from './installed.ts'
import { isRunning, outputOf, untilStopped } from './work.ts'

/** Asks by a line such as `GET /api/runs`, as a client that knows no tokens does: with one in the URL of its profile. */
type AskAs = (headers: object, line: string, body?: unknown) => Promise<Reply & { json: never }>

type Fixtures = {
  /** The gateway, and what is sent with everything. */
  gate: { root: URL; authorization: string }
  ask: AskAs
  /** The same of a request that is more than a line. */
  wish(asked: Wish): Promise<Reply>
}

const test = base.extend<Fixtures>({
  gate: async ({ there: { apiRoot, token } }, use) =>
    use({
      root: new URL(apiRoot),
      authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}`,
    }),
  wish: async ({ gate }, use) =>
    use((asked) =>
      send(gate, {
        ...asked,
        headers: { ...asked.headers, authorization: gate.authorization },
      }),
    ),
  ask: async ({ wish }, use) =>
    use(async (headers, line, body) => {
      const [method = '', path = ''] = line.split(' ')
      const sent = body === undefined ? undefined : JSON.stringify(body)
      const reply = await wish({
        method,
        path,
        headers: { ...(sent && { 'content-type': 'application/json' }), ...headers },
        ...(sent !== undefined && { body: sent }),
      })
      const isJson = reply.headers['content-type'] === 'application/json' && reply.text !== ''
      return { ...reply, json: (isJson ? JSON.parse(reply.text) : undefined) as never }
    }),
})

/** What its types have to allow. */
const program = `
import * as api from './client.ts'
const found = await api.runsFind({ plan: 'a', status: 'done,failed', limit: 10 })
if (found.status === 200) for (const { runId } of found.data) runId satisfies string
`

// Added on the way from a function to the gateway by what is between them there.
const between = ['server', 'x-envoy-upstream-service-time']

describe.concurrent('clients', () => {
  test('the CLI that there was before pushes, tags, finds and pulls', async ({ wish, ask }) => {
    const archive = cliArchive()
    const up = await wish(cliUpload(archive))
    expect({ status: up.status, text: up.text }).toMatchObject({ status: 200 })
    const { knitId } = JSON.parse(up.text) as DataDetail
    const project = randomUUID()
    const tagged = await ask(cli, `PUT /api/data/${knitId}`, cliTags('project', project))
    expect((tagged.json as DataDetail).tags).toContain(`project:${project}`)
    const found = await ask(cli, `GET /api/data?tag=project:${project}&${cliWindow()}`)
    expect(found.json).toMatchObject([{ knitId }])
    const down = await ask(cli, `GET /api/data/${knitId}`)
    expect(down.headers).toMatchObject({
      'content-type': 'application/tar+gzip',
      'transfer-encoding': 'chunked',
    })
    expect(down.headers['content-encoding']).toBeUndefined()
    expect(down.trailers).toEqual({ 'x-checksum-md5': md5(down.body) })
  })

  test('its upload is refused when the checksum behind it is of other bytes', async ({ wish }) => {
    const { status, text } = await wish(cliUpload(cliArchive(), md5(Buffer.from('other'))))
    expect(status).toBe(400)
    expect(JSON.parse(text).message).toMatch(/^hash is not match\./)
  })

  test('it applies plans, and is told what is wrong with one in the form that it reads', async ({
    ask,
  }) => {
    const spec = cliPlan('web.test/trainer:v1', `project:${randomUUID()}`)
    const applied = await ask(cli, 'POST /api/plans', spec)
    expect(applied).toMatchObject({ status: 200, json: { active: true, image: spec.image } })
    const { planId } = applied.json as PlanDetail
    const again = await ask(cli, 'POST /api/plans', spec)
    expect(again.status).toBe(409)
    const told = again.json as { message: string }
    expect(Object.keys(told)).toEqual(['message'])
    expect(told.message).toMatch(/^there are equiverent plan\n/)
    expect(told.message).toContain(planId)
    const nameless = await ask(cli, 'POST /api/plans', cliPlanWithoutImage)
    expect(nameless.status).toBe(400)
    expect(nameless.text).toContain('nameless or versionless image')
  })

  test('it tries a run again and deletes it, for which it is told nothing but that it is so', async ({
    ask,
    work,
  }) => {
    const { runId } = await work.end(await work.start('echo kept > /out/text'))
    expect(await ask(cli, `PUT /api/runs/${runId}/retry`)).toMatchObject({ status: 200, text: '' })
    await work.end(runId)
    expect(await ask(cli, `DELETE /api/runs/${runId}`)).toMatchObject({ status: 204, text: '' })
  })

  test('it finds runs, walks through their lineage and reads a log', async ({ ask, work }) => {
    const { runId, plan } = await work.end(await work.start('echo said; echo kept > /out/text'))
    const runs = (await ask(cli, `GET /api/runs?plan=${plan.planId}&${cliSinceEver}`))
      .json as RunDetail[]
    expect(runs.map((run) => run.runId)).toEqual([runId])
    const [run] = runs
    const knitId = run ? outputOf(run) : ''
    const [data] = (await ask(cli, `GET /api/data?${cliTagOf(knitId)}`)).json as DataDetail[]
    expect(data?.upstream.run).toMatchObject({ runId, plan: { planId: plan.planId } })
    expect((await ask(cli, `GET /api/plans/${plan.planId}`)).json).toMatchObject({
      planId: plan.planId,
    })
    expect(await ask(cli, `GET /api/runs/${runId}/log?follow`)).toMatchObject({
      status: 200,
      text: 'said\n',
    })
  })

  test('the console that there was before lists all there is, and reads a log while it grows', async ({
    ask,
    gate,
    work,
  }) => {
    const runId = await work.start(untilStopped)
    const { plan } = await work.until(runId, isRunning)
    for (const list of ['data', 'runs', 'plans']) {
      const reply = await ask(browser, `GET /api/${list}/?${browserSince}`)
      expect({ list, status: reply.status }).toEqual({ list, status: 200 })
      expect((reply.json as object[]).length).toBeGreaterThan(0)
    }
    for (const path of [`runs/${runId}`, `plans/${plan.planId}`])
      expect((await ask(browser, `GET /api/${path}`)).status).toBe(200)

    const { authorization } = gate
    const request = begin(gate, {
      path: `/api/runs/${runId}/log?follow`,
      headers: { ...browser, authorization },
    }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.headers['content-type']).toBe('application/octet-stream')
    let text = ''
    for await (const piece of response.setEncoding('utf8')) {
      text += piece
      // The program goes on, and says nothing more.
      if (text === 'begun\n') await ask(browser, `PUT /api/runs/${runId}/tearoff`)
    }
    expect(text).toBe('begun\n')
    await work.end(runId)
  })

  test('a client that a generator has made of the description that is there is answered as described', async ({
    folder,
    there: { apiRoot, token },
    work,
  }) => {
    const client = await generateClient(join(folder, 'client'), `${apiRoot}/openapi.json`, program)
    const coverage = { asked: new Set<string>(), served: new Set<string>() }
    Object.assign(client.defaults, {
      baseUrl: new URL('/', apiRoot).href,
      headers: { authorization: `Bearer ${token}` },
      fetch: fetchAsDescribed(coverage, between),
    })
    const told = async <T>(operation: string, ...args: unknown[]): Promise<Told<T>> =>
      (await client[operation]?.(...args)) as Told<T>

    const archive = new Blob([new Uint8Array(cliArchive())], { type: 'application/tar+gzip' })
    const tag = `generated:${randomUUID()}`
    const pushed = await told<DataDetail>('dataPush', archive, { tag: [tag] })
    const { knitId } = pushed.data
    await told('dataTag', knitId, { add: ['quality:good'] })
    const run = await work.end(await work.start('echo said; echo kept > /out/text'))
    const asked: [string, ...unknown[]][] = [
      ['authShow'],
      ['accessWhoami'],
      ['dataFind', { tag: [tag], limit: 1 }],
      ['dataShow', knitId],
      ['dataLs', knitId],
      ['dataCat', knitId, 'digits/a.csv'],
      ['dataPull', knitId],
      ['plansFind', { limit: 5 }],
      ['plansShow', run.plan.planId],
      ['plansUsage', run.plan.planId],
      ['runsFind', { plan: run.plan.planId }],
      ['runsShow', run.runId],
      ['runsHistory', run.runId],
      ['runsLog', run.runId],
      ['lineageShow', knitId],
      ['explainShow', run.plan.planId, { run: run.runId }],
      ['adminAudit', { limit: 1 }],
      ['tokensList', { limit: 1 }],
    ]
    const answered = await Promise.all(
      asked.map(async ([operation, ...args]) => ({
        operation,
        status: (await told(operation, ...args)).status,
      })),
    )
    expect(answered).toEqual(asked.map(([operation]) => ({ operation, status: 200 })))
    expect(coverage.served.size).toBe(asked.length + 2)
    // And what fails is told as described, too.
    expect((await told('runsShow', randomUUID())).status).toBe(404)
    expect((await told('dataFind', { since: 'yesterday' })).status).toBe(400)
    expect((await told('plansApply', { image: 'a:1' })).status).toBe(400)
  })
})
