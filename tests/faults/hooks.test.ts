import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'vitest'
import { admin } from '#shared/contracts/admin.ts'
import { runs } from '#shared/contracts/runs.ts'
import { databaseOf } from '#tests/support/home-database.ts'
import { ended, pushText, runsOf, shellPlan } from '#tests/support/home-work.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { until } from '#tests/support/until.ts'
import { untilAtRest } from './at-rest.ts'
import { test } from './test-home.ts'

const asJson = { 'content-type': 'application/json' }

/** What hooks do to us, by their path. */
const tricks: Record<string, (response: ServerResponse) => void> = {
  silent: () => {},
  drip: (response) => {
    response.writeHead(200, asJson)
    const drip = setInterval(() => response.write(' '), 20)
    response.once('close', () => clearInterval(drip))
  },
  error: (response) => response.writeHead(500).end(),
  flood: (response) => void flood(response.writeHead(200, asJson)),
  loop: (response) => response.writeHead(307, { location: '/loop' }).end(),
  good: (response) => response.end(),
}

/** As much as anybody reads. */
async function flood(response: ServerResponse): Promise<void> {
  const piece = Buffer.alloc(2 ** 16, ' ')
  const all = Array.from({ length: (5 * 2 ** 30) / piece.length }, () => piece)
  await pipeline(Readable.from(all), response).catch(() => {})
}

const settings = { KNIT_HOOK_TIMEOUT: '0.3', KNIT_MAX_HOOK_FAILURES: '1' }
const copy = 'cp /in/text /out/text'

test('after-hooks that are silent, drip, fail, flood or lead in a circle keep nothing from being done, and none of them another', async ({
  folder,
  start,
}) => {
  const { url, calls } = await hookServer(({ path }, response) => tricks[path.slice(1)]?.(response))
  const hooks = Object.keys(tricks).map((name) => `${url}/${name}`)
  const home = await start({ env: { ...settings, KNIT_HOOKS_AFTER: hooks.join(' ') } })
  const plan = await shellPlan(home.api, 'type:raw', copy, 'type:copy')
  await pushText(home.api, folder, 'kept', 'type:raw')
  expect(await until(() => ended(home.api, plan))).toMatchObject({ status: 'done' })

  const settled = await until(async () => {
    const all = await home.api.call(admin.hooks, { limit: 1000 })
    const isOver = (call: (typeof all)[number]) =>
      call.deliveredAt !== undefined || call.failures > 0
    return all.length > 0 && all.every(isOver) ? all : undefined
  })
  const errorsOf = (name: string) => [
    ...new Set(settled.filter((call) => call.url.endsWith(name)).map(({ error }) => error)),
  ]
  expect(errorsOf('good')).toEqual([undefined])
  expect(errorsOf('silent')).toEqual(['it did not answer within 0.3 s'])
  expect(errorsOf('drip')).toEqual(['it did not answer within 0.3 s'])
  expect(errorsOf('error')).toEqual(['it answered 500'])
  expect(errorsOf('flood')).toEqual(['its answer has more than 65536 bytes'])
  expect(errorsOf('loop')).toEqual(['it answered 307'])
  const good = calls.filter(({ path }) => path === '/good').map(({ body }) => body['status'])
  expect(good.slice(-2)).toEqual(['completing', 'done'])
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})

test('an after-hook that never answers holds back no call to another', async ({
  folder,
  start,
}) => {
  const { url, calls } = await hookServer(({ path }, response) => tricks[path.slice(1)]?.(response))
  const hooks = `${url}/silent ${url}/good`
  const home = await start({ env: { KNIT_HOOK_TIMEOUT: '3600', KNIT_HOOKS_AFTER: hooks } })
  const plan = await shellPlan(home.api, 'type:raw', copy, 'type:copy')
  await pushText(home.api, folder, 'kept', 'type:raw')
  const toldTo = (name: string) =>
    calls.filter(({ path }) => path === `/${name}`).map(({ body }) => body['status'])
  await until(() => toldTo('good').includes('done'))
  expect(await until(() => ended(home.api, plan))).toMatchObject({ status: 'done' })
  expect(toldTo('silent')).toHaveLength(1)
})

test('a before-hook that does the same keeps a run where it is, with the reason, until it is mended, and all else is served', async ({
  folder,
  start,
}) => {
  let trick = 'good'
  const { url } = await hookServer((_, response) => tricks[trick]?.(response))
  const home = await start({ env: { ...settings, KNIT_HOOKS_BEFORE: `${url}/hook` } })
  const sql = databaseOf(home.folder)
  for (const bad of Object.keys(tricks).filter((name) => name !== 'good')) {
    trick = bad
    const plan = await shellPlan(home.api, `for:${bad}`, `${copy} # ${bad}`, `made:${bad}`)
    await pushText(home.api, folder, 'kept', `for:${bad}`)
    const kept = await until(async () => {
      const [run] = await runsOf(home.api, plan)
      const shown = run && (await home.api.call(runs.show, { runId: run.runId }))
      return shown?.reason?.includes(`the hook ${url}/hook keeps the run`) ? shown : undefined
    })
    expect(kept.status).toBe('waiting')

    trick = 'good'
    await sql`update run set due_at = now()`
    expect(await until(() => ended(home.api, plan))).toMatchObject({ status: 'done' })
  }
  await sql.end({ timeout: 1 })
  await untilAtRest(home)
  expect(await home.stop()).toBe(0)
})
