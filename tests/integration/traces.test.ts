import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test as base, expect, onTestFinished } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { connectApi } from '#shared/client/connect.ts'
import { ended, pullText, pushText, shellPlan } from '#tests/support/home-work.ts'
import { startHomeWith, temporaryFolder } from '#tests/support/local-home.ts'
import { otlpReceiver } from '#tests/support/otlp-receiver.ts'
import { until } from '#tests/support/until.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('knit-traces-')
    await use(folder.path)
    await folder.remove()
  },
})

/** A folder to be pushed. */
function folderWith(folder: string, content: string): string {
  const source = join(folder, 'pushed')
  mkdirSync(source)
  writeFileSync(join(source, 'text'), content)
  return source
}

/** A home that has a chain of two plans, of which the first writes down the trace it was told of. */
async function homeWithChain(folder: string, env: Record<string, string>) {
  const running = await startHomeWith(join(folder, 'home'), { env })
  const api = connectApi({ apiRoot: running.apiRoot })
  const line = 'printf "%s" "$TRACEPARENT" > /out/text'
  const first = await shellPlan(api, 'type:raw', line, 'type:told')
  const second = await shellPlan(api, 'type:told', 'cp /in/text /out/text', 'type:copied')
  return { running, api, plans: [first, second] as const }
}

test('a push and all that follows from it are one trace, programs and their plans’ successors included', async ({
  folder,
}) => {
  const collector = await otlpReceiver()
  const { running, api, plans } = await homeWithChain(folder, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=secret',
    OTEL_SERVICE_NAME: 'ours',
  })
  await pushText(api, folder, 'x', 'type:raw')
  const last = await until(() => ended(api, plans[1]))
  const told = await pullText(api, folder, last.outputs[0]?.knitId ?? '')
  expect(await running.stop('SIGTERM')).toBe(0)

  const push = collector.spans.find(({ name }) => name === 'POST /api/data')
  const trace = collector.spans.filter((span) => span.trace === push?.trace)
  const ids = new Set(trace.map(({ id }) => id))
  expect(ids.size).toBe(trace.length)
  expect(push?.parent).toBeUndefined()
  expect(trace.filter((span) => span !== push && !ids.has(span.parent ?? ''))).toEqual([])
  expect(trace.filter(({ error, start, end }) => error !== undefined || end < start)).toEqual([])

  const names = new Set(trace.map(({ name }) => name))
  for (const name of [
    'data.push',
    'publish data.ready',
    'match-data',
    'project-runs',
    'initialize-run',
    'start-run',
    'create worker',
    'release worker',
    'observe-worker',
    'program',
    'finish-run',
  ])
    expect(names, name).toContain(name)
  const programs = trace.filter(({ name }) => name === 'program')
  expect(programs.map(({ attributes }) => attributes['knit.plan.id'])).toEqual([...plans])
  expect(programs.at(-1)?.attributes).toMatchObject({
    'knit.run.id': last.runId,
    'knit.run.attempt': 1,
    'process.exit.code': 0,
  })
  expect(told).toBe(`00-${push?.trace}-${programs[0]?.id}-01`)

  expect(new Set(collector.spans.map(({ service }) => service))).toEqual(new Set(['ours']))
  for (const { path, headers } of collector.requests) {
    expect(path).toBe('/v1/traces')
    expect(headers).toMatchObject({ 'x-key': 'secret', 'content-type': 'application/json' })
  }
})

test('who says that his trace is not recorded has nothing of it recorded, and programs are told of none', async ({
  folder,
}) => {
  const collector = await otlpReceiver()
  const { running, api, plans } = await homeWithChain(folder, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const { port } = new URL(running.apiRoot)
  const silent = await fetch(`http://127.0.0.1:${port}/api/data?tag=type:raw`, {
    method: 'POST',
    headers: {
      'content-type': 'application/tar+gzip',
      traceparent: `00-${trace}-b7ad6b7169203331-00`,
    },
    body: pack(folderWith(folder, 'x')),
    duplex: 'half',
  } as unknown as RequestInit)
  expect(silent.status).toBe(200)
  const last = await until(() => ended(api, plans[1]))
  expect(await pullText(api, folder, last.outputs[0]?.knitId ?? '')).toBe('')
  expect(await running.stop('SIGTERM')).toBe(0)
  expect(collector.spans.map(({ name }) => name)).toContain('POST /api/plans')
  expect(collector.spans.map(({ name }) => name)).not.toContain('POST /api/data')
  expect(collector.spans.map(({ name }) => name)).not.toContain('program')
})

const nobody = async () => 'http://127.0.0.1:1'

/** Takes connections, and says nothing. */
async function mute(): Promise<string> {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.for([
  ['is away', nobody],
  ['never answers', mute],
] as const)(
  'a collector that %s harms nothing, and keeps no home from its end',
  async ([, collector], { folder }) => {
    const { running, api, plans } = await homeWithChain(folder, {
      OTEL_EXPORTER_OTLP_ENDPOINT: await collector(),
      OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
    })
    await pushText(api, folder, 'x', 'type:raw')
    expect(await until(() => ended(api, plans[1]))).toMatchObject({ status: 'done' })
    expect(await running.stop('SIGTERM')).toBe(0)
  },
)

test('a home to which no collector is named tells programs of no trace', async ({ folder }) => {
  const { running, api, plans } = await homeWithChain(folder, {})
  await pushText(api, folder, 'x', 'type:raw')
  const last = await until(() => ended(api, plans[1]))
  expect(await pullText(api, folder, last.outputs[0]?.knitId ?? '')).toBe('')
  expect(await running.stop('SIGTERM')).toBe(0)
})
