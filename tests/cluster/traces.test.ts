import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { pack } from '#shared/archive/pack.ts'
import { plans } from '#shared/contracts/plans.ts'
import { ended, pullText } from '#tests/support/home-work.ts'
import { spansIn } from '#tests/support/otlp-receiver.ts'
import { until } from '#tests/support/until.ts'
import { linesOf } from './installation.ts'
import { test } from './installed.ts'
import { collector } from './values.ts'

/** What each function does for a push and the run that it leads to. */
const done = [
  ['gateway', 'POST /api/data'],
  ['data.push', 'data.push'],
  ['data.push', 'publish data.ready'],
  ['match-data', 'match-data'],
  ['project-runs', 'project-runs'],
  ['initialize-run', 'initialize-run'],
  ['start-run', 'create worker'],
  ['start-run', 'release worker'],
  ['observe-worker', 'program'],
  ['finish-run', 'finish-run'],
]

const collected = async (trace: string) =>
  (await linesOf(collector.service))
    .flatMap((line) => spansIn(JSON.parse(line)))
    .filter((span) => span.trace === trace)

test('a push, the program that reads it and all between them are one trace, that of who pushed', async ({
  there: { apiRoot, token, images },
  api,
  folder,
}) => {
  const tag = `for:${randomUUID()}`
  const { planId } = await api.call(plans.apply, {
    body: {
      image: images.tools,
      entrypoint: ['sh', '-c', 'printf "%s" "$TRACEPARENT" > /out/text'],
      inputs: [{ path: '/in', tags: [tag] }],
      outputs: [{ path: '/out', tags: [`of:${randomUUID()}`] }],
      resources: { cpu: '50m', memory: '64Mi' },
    },
  })
  const [trace, caller] = [16, 8].map((size) => randomBytes(size).toString('hex'))
  const source = join(folder, 'pushed')
  mkdirSync(source)
  writeFileSync(join(source, 'text'), 'x')
  const { status } = await fetch(`${apiRoot}/data?tag=${encodeURIComponent(tag)}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/tar+gzip',
      authorization: `Bearer ${token}`,
      traceparent: `00-${trace}-${caller}-01`,
    },
    body: pack(source),
    duplex: 'half',
  } as unknown as RequestInit)
  expect(status).toBe(200)

  const run = await until(() => ended(api, planId))
  expect(run).toMatchObject({ status: 'done' })
  const told = await pullText(api, folder, run.outputs[0]?.knitId ?? '')
  const spans = await until(async () => {
    const seen = await collected(trace ?? '')
    const known = new Set([caller, ...seen.map(({ id }) => id)])
    const isWhole = seen.every(({ parent }) => known.has(parent))
    const has = ([service, name]: string[]) =>
      seen.some((span) => span.service === service && span.name === name)
    return isWhole && done.every(has) ? seen : undefined
  })
  expect(spans.filter(({ error }) => error !== undefined)).toEqual([])
  const [program] = spans.filter(({ name }) => name === 'program')
  expect(program?.attributes).toMatchObject({ 'knit.run.id': run.runId, 'process.exit.code': 0 })
  expect(told).toBe(`00-${trace}-${program?.id}-01`)
})
